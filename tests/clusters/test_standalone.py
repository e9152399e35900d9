"""Ingest on masters and workers that are processes of their own, one of which is killed."""

import collections
import contextlib
import threading
from pathlib import Path

import pytest

from benchmarks import ingest_step
from components.image_example_gen import first_pass
from data import errors
from data.examples import examples_artifact
from data.sources import digits
from pipeline.beam import beam_config, job_server
from tests.clusters import conftest, made, standalone

pytestmark = [
    pytest.mark.cluster,
    # Beam's pool leaves its workers' pipes, and gRPC its streams, to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CLUSTERS = {"flink": standalone.flink, "spark": standalone.spark}
MASTERS = {"flink": "flink_master", "spark": "spark_master_url"}


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    return digits.export(tmp_path_factory.mktemp("many") / "digits", per_class=100)


@pytest.fixture(scope="module")
def expected(many, tmp_path_factory) -> dict[str, collections.Counter]:
    """The records that FnApiRunner makes."""
    target = tmp_path_factory.mktemp("expected")
    ingest_step.prepare(many, target)()
    return made.stored(str(target / "examples"))


def assembled(engine: str) -> Path:
    """The job server's jar with its libraries beside it, out of which the cluster is started."""
    jar = beam_config.job_server_jar(engine)
    if jar is None or not (jar.parent / "lib").is_dir():
        pytest.skip(f"there are no libraries of {engine}; scripts/fetch_jars {engine} gets them")
    return jar


@pytest.mark.parametrize("engine", CLUSTERS)
@pytest.mark.parametrize("killed", [False, True], ids=["all workers", "one worker killed"])
def test_ingest(engine, killed, many, expected, worker_environment, tmp_path, monkeypatch):
    jar = assembled(engine)
    # So small that many are still to come when the first was seen to be done.
    monkeypatch.setattr(first_pass, "_FILES_A_BUNDLE", 50)
    monkeypatch.setenv("SPARK_LOCAL_IP", standalone.HOST)
    with (
        standalone.worker_pool(tmp_path) as pool,
        CLUSTERS[engine](jar, tmp_path) as (address, workers),
    ):
        options = [
            f"--{MASTERS[engine]}={address}",
            "--environment_type=EXTERNAL",
            f"--environment_config={pool}",
        ]
        beam = beam_config.BeamConfig(engine=engine, workers=2, options=options)
        conftest.skip_without(beam)
        with contextlib.closing(job_server.JobServer(beam, tmp_path / "job_server.log")) as server:
            step = ingest_step.prepare(many, tmp_path, server.arguments)
            if killed:
                assassin = threading.Thread(target=kill_one, args=(tmp_path, workers[0]))
                assassin.start()
            try:
                step()
            except (RuntimeError, errors.PipelineError) as error:
                assert killed
                assert "no longer reachable" in str(error) or "lost" in str(error)
                assert not (tmp_path / "examples" / examples_artifact.REPORT_FILE).exists()
                # What the workers had found is kept; the same command goes on from there.
                ingest_step.prepare(many, tmp_path)()
            assert made.stored(str(tmp_path / "examples")) == expected
            if killed:
                assassin.join()
                assert workers[0].returncode is not None


def kill_one(folder: Path, worker) -> None:
    """Kills a worker as soon as the index has the first finds."""
    began = "state/decoded-*/pending/*"
    standalone.until(lambda: any(folder.glob(began)), "ingest began", 2 * standalone.START_SECONDS)
    standalone.kill(worker)
