"""The entry point of the image, as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import whole_runs

pytest.importorskip("kfp.pipeline_spec", reason="the extra kubeflow is not installed")
pytestmark = pytest.mark.xdist_group("runs")
ENTRYPOINT = whole_runs.ROOT / "pipeline" / "kubeflow" / "entrypoint.py"


def arguments(tmp_path: Path, name: str) -> list[str]:
    request = {"inputs": {}, "outputs": {"outputFile": str(tmp_path / "left" / "output.json")}}
    return [
        *("--executor_class_path", f"tests.pipeline.kubeflow.executors.{name}"),
        *("--json_serialized_invocation_args", json.dumps(request)),
    ]


def test_what_the_user_can_mend_is_a_sentence_and_not_a_traceback(tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "pipeline.kubeflow.entrypoint"]
    command += arguments(tmp_path, "Refuses")
    done = subprocess.run(command, cwd=whole_runs.ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("Error: There is nothing to learn from.\n")
    assert "Traceback" not in done.stderr


def test_the_process_ends_whatever_threads_remain(tmp_path, forked):
    done = forked.run(*arguments(tmp_path, "LeavesAThread"), script=ENTRYPOINT)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "left" / "output.json").read_text()) == {"artifacts": {}}
