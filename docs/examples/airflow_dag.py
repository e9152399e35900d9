"""The pipeline as an Airflow DAG, a task for each step.

Copy this file into Airflow's folder of DAGs. It reads the settings of the pipeline from the YAML
file that the variable IMAGE_PIPELINE_CONFIG of Airflow's environment names; ``data_dir`` and
``output_dir`` in it should be absolute, on a disk that all workers share.

TFX's own AirflowDagRunner launches steps in an older way, in which a resolver is told the models of
all runs as those of this one: no candidate would ever have a baseline. So each task here launches its
step as LocalDagRunner does.
"""

import datetime
import os

from airflow import models
from airflow.operators import python
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import runtime_parameter_utils

from data.splits import labels
from pipeline.run import preflight
from pipeline.settings import pipeline_config
from pipeline.wiring import dag

SCHEDULE = None  # "0 3 * * mon"
RETRIES = int(os.environ.get("IMAGE_PIPELINE_AIRFLOW_RETRIES", "1"))

settings = pipeline_config.parse(["--config", os.environ["IMAGE_PIPELINE_CONFIG"]])
preflight.prepare_output(settings)
# Read anew by every task: ingest takes what lies in the folder when it starts.
inputs = preflight.check(settings, preflight.source_folder(settings))
pipeline = dag.build(settings, inputs)


def run_step(step: str, run_id: str) -> None:
    """Runs one step of a run, or takes it from the cache."""
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    nodes = [node for node in ir.nodes if node.pipeline_node.node_info.id == step]
    del ir.nodes[:]
    ir.nodes.extend(nodes)
    local_dag_runner.LocalDagRunner().run_with_ir(ir)


with models.DAG(
    pipeline.pipeline_info.pipeline_name,
    schedule=SCHEDULE,
    start_date=datetime.datetime(2024, 1, 1),
    catchup=False,
    # Two runs of one pipeline at once would both do everything.
    max_active_runs=1,
    # ML Metadata is one SQLite file.
    max_active_tasks=1,
    default_args={"retries": RETRIES},
):
    tasks = {
        node.id: python.PythonOperator(
            task_id=node.id,
            python_callable=run_step,
            op_kwargs={"step": node.id, "run_id": "{{ run_id }}"},
        )
        for node in pipeline.components
    }
    for node in pipeline.components:
        tasks[node.id].set_upstream([tasks[upstream.id] for upstream in node.upstream_nodes])
    freeze_labels = python.PythonOperator(
        task_id="freeze_labels",
        python_callable=labels.save,
        op_args=[inputs.label_file, inputs.labels],
    )
    freeze_labels.set_upstream(tasks["Report"])
