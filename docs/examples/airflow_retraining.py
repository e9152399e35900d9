"""An Airflow DAG that looks for new images every morning; copy it into the DAGs folder.

Airflow lives in an environment of its own: the task only calls the command line.
"""

import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

PROJECT = "/opt/image-pipeline"

with DAG(
    dag_id="image_retraining",
    description="Trains again when new images are reason enough",
    schedule="0 3 * * 1-5",
    start_date=datetime.datetime(2031, 1, 1),
    catchup=False,  # one look is enough for however many were missed
    max_active_runs=1,
    tags=["images"],
):
    BashOperator(
        task_id="look_once",
        bash_command=".venv/bin/python pipeline/run_scheduled.py --config docs/examples/retrain.yaml --once",
        cwd=PROJECT,
        # 3: the model was not blessed. 75: another run is under way. Shown as skipped, not failed.
        skip_on_exit_code=[3, 75],
        append_env=True,
        execution_timeout=datetime.timedelta(hours=5),
    )
