"""The Beam steps as Dataflow jobs: built and looked into as the service would, never submitted."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import tensorflow_data_validation as tfdv
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow import dataflow_runner
from tfx.components.statistics_gen import executor as statistics_executor
from tfx.types import standard_artifacts

from benchmarks import ingest_step
from data import errors
from pipeline.beam import beam_config
from pipeline.wiring import code_fingerprint

pytestmark = pytest.mark.cluster

PAR_DO = "beam:transform:pardo:v1"
SETTINGS = beam_config.BeamConfig(
    engine="dataflow",
    workers=4,
    options=[
        "--project=photos-1",
        "--region=europe-west1",
        "--temp_location=gs://photos-1/temp",
        "--dry_run=true",
    ],
)


@pytest.fixture
def jobs(monkeypatch):
    """Gets each job that the real runner builds."""
    built = []
    run = dataflow_runner.DataflowRunner.run_pipeline

    def kept(self, *arguments, **options):
        result = run(self, *arguments, **options)
        built.append(result.job)
        return result

    monkeypatch.setattr(dataflow_runner.DataflowRunner, "run_pipeline", kept)
    return built


def functions(pipeline: beam_runner_api_pb2.Pipeline) -> list[bytes]:
    """The pickled functions of a job."""
    found = []
    for transform in pipeline.components.transforms.values():
        if transform.spec.urn == PAR_DO:
            payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
            if payload.do_fn.urn == python_urns.PICKLED_DOFN_INFO:
                found.append(payload.do_fn.payload)
    return found


def unpickled_elsewhere(pickled: list[bytes], root: Path) -> str:
    """Loads the functions in a process that has only what a worker gets."""
    code = (
        "import sys; from apache_beam.internal import pickler;"
        "pickler.set_library('cloudpickle');"
        "[print(type(pickler.loads(line.strip())[0])) for line in sys.stdin.buffer]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"\n".join(pickled),
        capture_output=True,
        cwd=root,
        check=True,
    )
    return done.stdout.decode()


def check(job, tmp_path) -> str:
    """What a job for the service must have; returns the types of its functions."""
    assert job.proto_pipeline.components.environments
    packed = None
    for environment in job.proto_pipeline.components.environments.values():
        assert environment.urn == "beam:env:docker:v1"
        for artifact in environment.dependencies:
            payload = beam_runner_api_pb2.ArtifactFilePayload.FromString(artifact.type_payload)
            if payload.path.endswith(".tar.gz"):
                packed = payload.path
    assert packed is not None, "the workers would not get the project"
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path / "worker", filter="data")
    (root,) = (tmp_path / "worker").iterdir()
    for name in ("data/images/decoder_process.py", "components/image_validator/schema_v2.pbtxt"):
        assert (root / name).exists()
    return unpickled_elsewhere(functions(job.proto_pipeline), root)


def test_ingest(jobs, class_folders, tmp_path):
    step = ingest_step.prepare(class_folders, tmp_path, SETTINGS.arguments())
    # A dry run finds nothing, and ingest does not take that for an empty folder.
    with pytest.raises(errors.PipelineError, match="The index has no rows of 24 files"):
        step()
    (job,) = jobs
    assert "_Inspect" in check(job, tmp_path)
    assert job.proto.type.name == "JOB_TYPE_BATCH"


def test_statistics(jobs, tmp_path):
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(tmp_path), '["train"]'
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / "examples-00000-of-00001").touch()
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "statistics")
    context = statistics_executor.Executor.Context(
        beam_pipeline_args=SETTINGS.arguments(), tmp_dir=str(tmp_path / "tmp")
    )
    schema = code_fingerprint.ROOT / "components" / "image_validator" / "schema_v2.pbtxt"
    options = tfdv.StatsOptions(schema=tfdv.load_schema_text(str(schema)))
    statistics_executor.Executor(context).Do(
        {"examples": [examples]},
        {"statistics": [statistics]},
        {"stats_options_json": options.to_json(), "exclude_splits": "[]"},
    )
    (job,) = jobs
    assert "tensorflow_data_validation" in check(job, tmp_path)
