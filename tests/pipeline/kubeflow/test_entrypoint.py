"""The entry point of the image, as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("kfp.pipeline_spec", reason="the extra kubeflow is not installed")
ROOT = Path(__file__).resolve().parents[3]


def call(tmp_path, name):
    told = {"inputs": {}, "outputs": {"outputFile": str(tmp_path / "left" / "output.json")}}
    command = [sys.executable, "-W", "ignore", "-m", "pipeline.kubeflow.entrypoint"]
    arguments = ["--executor_class_path", f"tests.pipeline.kubeflow.executors.{name}"]
    arguments += ["--json_serialized_invocation_args", json.dumps(told)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_what_the_user_can_mend_is_a_sentence_and_not_a_traceback(tmp_path):
    done = call(tmp_path, "Refuses")
    assert done.returncode == 2
    assert done.stderr.endswith("Error: There is nothing to learn from.\n")
    assert "Traceback" not in done.stderr


def test_the_process_ends_whatever_threads_remain(tmp_path):
    done = call(tmp_path, "LeavesAThread")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "left" / "output.json").read_text()) == {"artifacts": {}}
