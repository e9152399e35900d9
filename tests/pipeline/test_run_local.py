"""The command line as a user meets it; whole runs are in tests/e2e."""

import gc
import logging
import shutil
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest

from pipeline import run_local
from pipeline.outcome import summary
from pipeline.run import lock
from tests.whole_runs import ROOT, run

pytestmark = pytest.mark.xdist_group("runs")


def test_help_is_light_and_names_every_group():
    done = run("--help")
    assert done.returncode == 0
    for part in (
        "--data-dir",
        "--tfds",
        "--output-dir",
        "--train.head-epochs",
        "--gate.min-recall",
    ):
        assert part in done.stdout
    code = "import sys, pipeline.run_local, pipeline.settings.pipeline_config as c; c.setting_sources.names(c.PipelineConfig)"
    check = f"{code}; print([m for m in ('tensorflow', 'keras', 'tfx', 'apache_beam') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]", loaded.stderr


class HalfLoaded:
    """As TensorFlow's models are, where a signal comes while they are loaded."""

    def __del__(self):
        logging.getLogger("tensorflow").warning("Value in checkpoint could not be found")


def test_what_libraries_say_of_what_a_signal_broke_off_is_not_told(monkeypatch, capsys, caplog):
    def broken_off(*_):
        loading = HalfLoaded()
        raise run_local._Terminated(loading)

    monkeypatch.setattr(run_local, "_run", broken_off)
    monkeypatch.setattr(run_local.signal, "signal", lambda *_: None)
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)
    assert run_local.main([]) == run_local.EXIT_TERMINATED
    gc.collect()
    assert capsys.readouterr().err == (
        "Terminated. The same command continues after the last finished step.\n"
    )
    assert caplog.messages == []


@pytest.mark.parametrize("end", [run_local._terminate, run_local._interrupt])
def test_a_signal_in_a_step_of_beam_ends_the_run_as_anywhere(end):
    """Beam makes errors of a step anew, with its name."""
    with pytest.raises(KeyboardInterrupt), beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(end)


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


def test_a_refused_run_leaves_no_trace(class_folders, tmp_path):
    """Not in the data folder, where a log would be a class of the next run, nor elsewhere."""
    done = run("--data-dir", class_folders, "--output-dir", class_folders / "out")
    assert done.returncode == 2
    assert "lies inside the data folder" in done.stderr
    assert sorted(path.name for path in class_folders.iterdir()) == ["cat", "dog"]
    (class_folders / "dog").rename(class_folders / "Testing")
    (class_folders / "cat").rename(class_folders / "Training")
    done = run("--data-dir", class_folders, "--output-dir", tmp_path / "out")
    assert done.returncode == 2
    assert "  classes: Testing 12, Training 12" in done.stdout
    assert "'Testing', 'Training' in" in done.stderr
    assert "--ingest.accept-class-names true" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_that_finds_its_folder_in_use_says_only_that(class_folders, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    with lock.held(output, "the-first"):
        done = run("--data-dir", class_folders, "--output-dir", output)
    assert (done.returncode, done.stdout) == (lock.OutputBusyError.exit_code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: The output folder {output} is in use, by run the-first")


def test_it_runs_from_any_folder_and_imports_its_own_packages(tmp_path):
    (tmp_path / "data.py").write_text("raise RuntimeError('not ours')")
    done = run("--data-dir", tmp_path / "none", "--output-dir", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_images_that_turn_out_unreadable_end_the_run_before_training(
    class_folders, tmp_path, forked
):
    for path in class_folders.rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:-100])  # a good header, and a cut body
    done = forked.run("--data-dir", class_folders, "--output-dir", tmp_path / "out")
    assert done.returncode == 2
    assert "24 files could not be read (24 damaged), see" in done.stdout
    listed = tmp_path / "out" / "ingest" / "images" / "quarantine.csv"
    assert str(listed.resolve()) in done.stdout
    assert len(listed.read_text().splitlines()) == 25
    assert "Traceback" not in done.stderr + done.stdout
    assert '"status": "failed"' in (tmp_path / "out" / "summary.json").read_text()


def test_a_blocking_check_ends_the_run_before_training(class_folders, tmp_path, forked):
    """With what was found, where, and the page that shows it; the summary has it too."""
    shutil.copy(class_folders / "cat" / "03.jpg", class_folders / "dog" / "copy.jpg")
    output = tmp_path / "out"
    flags = ["--data-dir", class_folders, "--output-dir", output]
    done = forked.run(*flags, "--checks.label-conflicts", "block", "--checks.blurry", "ignore")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "2 of 25 images: one file under several labels." in done.stdout
    assert "cat/03.jpg = dog/copy.jpg. (checks.label_conflicts)" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    found = summary.Summary.model_validate_json((output / "summary.json").read_text())
    assert found.status == "failed"
    assert [row.check for row in found.findings if row.severity == "block"] == ["label_conflicts"]
    page = Path(found.findings_page)
    assert "one file under several labels" in page.read_text(encoding="utf-8")
    assert str(page) in done.stdout
