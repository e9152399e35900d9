"""The Dockerfile, linted, and held against the project: it cannot be built here."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.kubeflow import config

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_is_copied_exists_and_is_not_ignored():
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert set(names) == set(kept)
    assert all((ROOT / name).exists() for name in names)
    packages = re.search(
        r"^root_packages = (.+)$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert set(json.loads(packages[1])) <= set(names)


def test_it_is_what_the_settings_say():
    assert f"WORKDIR {config.KubeflowConfig().project_dir}\n" in DOCKERFILE
    assert 'ENTRYPOINT ["python", "-m", "pipeline.kubeflow.entrypoint"]' in DOCKERFILE
    assert re.search(r"^USER [1-9]", DOCKERFILE, re.MULTILINE)
    assert (ROOT / "Makefile").read_text().split("UV_VERSION := ")[1].split()[0] in DOCKERFILE
    tag = re.search(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.MULTILINE)[1]
    (lock,) = set(re.findall(r"requirements/(\w+)\.lock", DOCKERFILE))
    command = ["sh", "-c", f". scripts/pythons; version_of {lock}"]
    version = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert tag.startswith(f"{version.strip()}-")
