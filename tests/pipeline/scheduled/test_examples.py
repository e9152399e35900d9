"""The examples in the docs call the command line with what it understands."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from pipeline.scheduled import config
from pipeline.wiring import code_fingerprint

EXAMPLES = code_fingerprint.ROOT / "docs" / "examples"
CALLING = (
    "image-retraining.service",
    "image-retraining-watch.service",
    "crontab",
    "airflow_retraining.py",
)


def test_every_example_is_looked_at():
    others = {"retrain.yaml", "image-retraining.timer"}
    assert {path.name for path in EXAMPLES.iterdir()} >= {*CALLING, *others}


@pytest.mark.parametrize("name", CALLING)
def test_commands(name, monkeypatch):
    monkeypatch.chdir(code_fingerprint.ROOT)
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    (call,) = re.findall(r"^[^#\n]*pipeline/run_scheduled\.py ([^\"\n>]*)", text, re.MULTILINE)
    assert config.parse(shlex.split(call)).mode in config.MODES


def test_the_file_is_whole_and_has_a_schedule(monkeypatch):
    monkeypatch.chdir(code_fingerprint.ROOT)
    command = config.parse(["--config", str(EXAMPLES / "retrain.yaml")])
    assert command.config.schedule.cron == "0 3 * * mon-fri"
    given = yaml.safe_load((EXAMPLES / "retrain.yaml").read_text(encoding="utf-8"))
    assert given.keys() == config.RetrainConfig.model_fields.keys() - {"attempts"}


def test_systemd_takes_the_units(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    for path in EXAMPLES.glob("image-retraining*"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("/opt/image-pipeline/.venv/bin/python", sys.executable)
        text = text.replace("/opt/image-pipeline", str(tmp_path)).replace(
            "User=pipeline", "User=root"
        )
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", *sorted(tmp_path.glob("image-retraining*"))],
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_dag_is_python():
    ast.parse((EXAMPLES / "airflow_retraining.py").read_text(encoding="utf-8"))
