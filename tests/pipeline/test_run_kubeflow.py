"""The command line: what it says to a person."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import run_kubeflow

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "No action is given"),
        (["deploy"], "Unknown action 'deploy'"),
        (["compile", "--kubeflow.imagee=x"], "Did you mean --kubeflow.image"),
        (["compile", "--kubeflow.volume=images"], "CLAIM:MOUNT"),
        (["compile", "--kubeflow.pipeline-root=artifacts"], "a pipeline root is"),
        (["submit"], "kubeflow.host is missing"),
        (["schedule", "--kubeflow.host=http://x", "--kubeflow.cron=0 3 * *"], "five fields"),
        (["schedule", "--kubeflow.host=http://x"], "kubeflow.cron is missing"),
    ],
)
def test_a_mistake_is_a_sentence(capsys, arguments, message):
    assert run_kubeflow.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_help_names_the_settings_and_is_light():
    done = subprocess.run(
        [sys.executable, "pipeline/run_kubeflow.py", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0
    for part in ("compile|submit|schedule", "--kubeflow.volume", "--kubeflow.trainer.gpus"):
        assert part in done.stdout


def test_compile_tells_what_is_replaced_and_where_the_package_is(capfd, class_folders, tmp_path):
    pytest.importorskip("kfp.pipeline_spec", reason="the extra kubeflow is not installed")
    out = tmp_path / "out"
    flags = ["--data-dir", str(class_folders), "--output-dir", str(out)]
    assert run_kubeflow.main(["compile", *flags]) == 0
    printed = capfd.readouterr().out
    assert "Kubeflow has no resolvers" in printed
    assert "InfraValidator: " in printed
    assert f"Package: {out / 'kubeflow' / 'images.yaml'}" in printed
    assert (out / "kubeflow" / "images.yaml").is_file()
    assert (out / "labels" / "images.json").is_file()
