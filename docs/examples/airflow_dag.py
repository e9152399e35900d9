"""The pipeline as an Airflow DAG, a task for each step.

Copy this file into Airflow's folder of DAGs. It reads the settings of the pipeline from the YAML
file that the variable IMAGE_PIPELINE_CONFIG of Airflow's environment names; ``data_dir`` and
``output_dir`` in it should be absolute, on a disk that all workers share.

Airflow needs TFX in its environment (docs/operations.md has the command), and longer than usual to
read this file: AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT=200.
"""

import datetime
import os

from airflow.operators import python
from tfx.orchestration.airflow import airflow_dag_runner

from data import labels
from pipeline import config, dag, preflight

SCHEDULE = None  # "0 3 * * mon"
RETRIES = 1

settings = config.parse(["--config", os.environ["IMAGE_PIPELINE_CONFIG"]])
preflight.prepare_output(settings)
# Read anew by every task: the first one takes what lies in the folder when it starts.
inputs = preflight.check(settings, preflight.source_folder(settings))

DAG = airflow_dag_runner.AirflowDagRunner(
    airflow_dag_runner.AirflowPipelineConfig(
        airflow_dag_config={
            "schedule": SCHEDULE,
            "start_date": datetime.datetime(2024, 1, 1),
            "catchup": False,
            # Two runs of one pipeline at once would both do everything.
            "max_active_runs": 1,
            "max_active_tasks": 1,
            "default_args": {"retries": RETRIES},
        }
    )
).run(dag.build(settings, inputs))

freeze_labels = python.PythonOperator(
    task_id="freeze_labels",
    python_callable=labels.save,
    op_args=[inputs.label_file, inputs.labels],
    dag=DAG,
)
freeze_labels.set_upstream(DAG.get_task("Report"))
