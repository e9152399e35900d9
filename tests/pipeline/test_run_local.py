"""The command line as a user meets it; whole runs are in tests/e2e."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "pipeline" / "run_local.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=600)


def test_help_is_light_and_names_every_group():
    done = run("--help")
    assert done.returncode == 0
    for part in (
        "--data-dir",
        "--tfds",
        "--output-dir",
        "--train.head-epochs",
        "--evaluate.min-recall",
    ):
        assert part in done.stdout
    code = (
        "import sys, pipeline.run_local, pipeline.config as c; c._setting_names(c.PipelineConfig)"
    )
    check = f"{code}; print([m for m in ('tensorflow', 'keras', 'tfx', 'apache_beam') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]", loaded.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data-dir", "nowhere"], "Error: The data folder nowhere does not exist."),
        (["--train.head-epoch", "3"], "Did you mean --train.head-epochs"),
        (["--train.dropout", "7"], "Error: train.dropout is '7': input should be less than 1."),
        (
            ["--output-dir", "/proc/none"],
            "Error: The output folder /proc/none cannot be written to",
        ),
        (["--train.weights", "no.weights.h5"], "no.weights.h5 does not exist; imagenet, random or"),
    ],
)
def test_a_users_mistake_gives_one_message_and_exit_code_2(tmp_path, arguments, message):
    start = time.monotonic()
    done = run(
        *arguments, *([] if "--output-dir" in arguments else ["--output-dir", tmp_path / "o"])
    )
    assert time.monotonic() - start < 60
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_it_runs_from_any_folder_and_imports_its_own_packages(tmp_path):
    (tmp_path / "data.py").write_text("raise RuntimeError('not ours')")
    done = run("--data-dir", tmp_path / "none", "--output-dir", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_images_that_turn_out_unreadable_end_the_run_before_training(class_folders, tmp_path):
    for path in class_folders.rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:-100])  # a good header, and a cut body
    done = run("--data-dir", class_folders, "--output-dir", tmp_path / "out")
    assert done.returncode == 2
    assert "24 files could not be read, see" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert '"status": "failed"' in (tmp_path / "out" / "summary.json").read_text()
