"""Whole runs on a part of the embedded digits: what is pushed, cached, refused and quarantined."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from components.release_gate import gate
from components.report import config as report_config
from components.trainer import contract as trained_contract
from components.trainer import history
from components.trainer.network import keras_archive
from data.graph import decoding
from pipeline import output_folder
from pipeline.history import command as run_history
from pipeline.outcome import summary
from tasks.classification import answers as predictions
from tests import browser, whole_runs
from tests.whole_runs import Run

chromium = browser.chromium
open_page = browser.open_page

pytestmark = pytest.mark.xdist_group("runs")

# A network of 19,000 weights that learns the digits from nothing; whole runs with a backbone that
# brings weights are in test_flowers.py.
RECIPE = """
preprocess: {size_px: 32}
augment: {horizontal_flip: false, brightness_fraction: 0, contrast_fraction: 0}
train: {backbone: cnn, weights: random, scratch_epochs: 6, batch_size: 16}
gate: {ask_server: false}
report: {robustness_images: 20, pictures_per_cell: 1}
infra: {enabled: false}
"""
# What the first run has shown need not be measured again.
LIGHT = ("--gate.parity", "false", "--report.robustness-images", "0")
# The second training begins with the weights of the first.
BRIEFLY = ("--train.scratch-epochs", "1", *LIGHT)


@pytest.fixture(scope="module")
def data(digits_dir, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("e2e") / "some digits"
    shutil.copytree(digits_dir, root)
    (root / "3" / "broken.png").write_bytes((root / "3" / "000.png").read_bytes()[:-50])
    (root / "3" / "notes.txt").write_text("not an image")
    return root


@pytest.fixture(scope="module")
def flags(data) -> list[object]:
    recipe = data.parent / "recipe.yaml"
    recipe.write_text(RECIPE)
    return ["--data-dir", data, "--output-dir", data.parent / "out", "--config", recipe]


@pytest.fixture(scope="module")
def first(data, flags) -> Run:
    """The one run that a process of its own does, as a user starts it."""
    done = whole_runs.run(*flags)
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(done, data.parent / "out")


@pytest.fixture(scope="module")
def again(first, forked, flags) -> Callable[..., Run]:
    """Runs the pipeline on the same folders once more."""
    return lambda *arguments: Run(forked.run(*flags, *arguments), first.output)


@pytest.fixture(scope="module")
def first_summary(first) -> summary.Summary:
    return first.summary


def test_every_file_is_accounted_for(first_summary):
    assert sum(first_summary.examples.values()) == 600
    assert first_summary.quarantined == 2
    rows = Path(first_summary.quarantine_csv).read_text().splitlines()
    assert rows[0] == "path,class,reason,detail"
    assert rows[1].startswith("3/broken.png,3,damaged,")
    assert rows[2].startswith("3/notes.txt,3,not_an_image,")


def test_the_model_is_far_above_chance_on_images_it_never_saw(first_summary):
    metrics = first_summary.metrics
    assert metrics.accuracy >= 0.6
    assert metrics.accuracy_low < metrics.accuracy < metrics.accuracy_high
    assert set(metrics.per_class) == {str(digit) for digit in range(10)}
    assert (
        sum(row["support"] for row in metrics.per_class.values()) == first_summary.examples["test"]
    )


def test_the_figures_are_those_of_scikit_learn_on_the_same_answers(first, first_summary):
    (uri,) = (first.output / "artifacts").glob("*/Predict/predictions/*")
    found = predictions.Predictions.read(str(uri), "test")
    rates = sklearn_metrics.precision_recall_fscore_support(
        found.label_ids, found.predicted_ids, labels=range(10), zero_division=np.nan
    )
    for index, label in enumerate(found.labels):
        row = first_summary.metrics.per_class[label]
        own = [row["precision"], row["recall"], row["f1"]]
        expected = [None if np.isnan(rate[index]) else rate[index] for rate in rates[:3]]
        assert own == pytest.approx(expected, nan_ok=True)
        truth, scores = found.label_ids == index, found.probabilities[:, index]
        assert row["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(truth, scores), abs=1e-4)
    loss = sklearn_metrics.log_loss(found.label_ids, found.probabilities, labels=range(10))
    assert first_summary.metrics.log_loss == pytest.approx(loss, abs=1e-4)


def test_the_report_opens_and_says_what_the_summary_says(first, first_summary, open_page):
    page = open_page(Path(first_summary.report))
    shown = page.inner_text("body")
    assert f"{first_summary.metrics.accuracy:.1%}" in shown
    for reason in first_summary.reasons:
        assert reason in shown
    card = Path(first_summary.model_card).read_text(encoding="utf-8")
    assert f"{first_summary.metrics.accuracy:.1%}" in card
    index = open_page(output_folder.OutputFolder(first.output).index)
    assert first_summary.run_id in index.inner_text("body")
    link = index.get_attribute(f"a[href$='{report_config.PAGE_FILE}']", "href")
    assert (first.output / link).resolve() == Path(first_summary.report).resolve()


def test_what_is_served_is_what_was_trained(first):
    (path,) = (first.output / "artifacts").rglob(gate.MEASURED_FILE)
    measured = gate.Measured.read(str(path.parent))
    assert measured.fidelity.ok
    assert max(measured.fidelity.largest.values()) < 1e-4
    assert {line.name for line in measured.costs} == {"size", "latency", "memory"}


def test_the_decision_was_carried_out(first, first_summary):
    assert first_summary.status == "succeeded"
    assert first_summary.blessed
    assert first_summary.reasons
    path = Path(first_summary.pushed.path)
    assert path == first.output.resolve() / "serving" / "some_digits" / first_summary.pushed.version
    assert (path / "saved_model.pb").exists()
    contract = json.loads((path / "assets" / trained_contract.FILE).read_text())
    assert contract["labels"] == [str(digit) for digit in range(10)]


def test_the_terminal_is_for_people(first, first_summary):
    shown = first.done.stdout
    assert first.done.stderr == ""
    for noise in ("WARNING", "Warning", "INFO", "tensorflow/", "absl", "Traceback"):
        assert noise not in shown
    assert "precision   recall" in shown
    assert "Released and pushed." in shown
    assert f"Test accuracy {first_summary.metrics.accuracy:.1%}" in shown
    logs = list((first.output / "logs").glob("*.log"))
    assert len(logs) == 1
    assert logs[0].stat().st_size > 10_000


def test_the_pushed_model_predicts_as_the_trained_one(first, first_summary, data):
    served = tf.saved_model.load(first_summary.pushed.path).signatures["serving_default"]
    (keras_file,) = (first.output / "artifacts").rglob(keras_archive.FILE)
    trained = keras.saving.load_model(keras_file)
    encoded = [path.read_bytes() for path in sorted(data.glob("*/00[0-4].png"))]
    contract = trained_contract.read(Path(first_summary.pushed.path))
    assert contract["image_size_px"] == 32
    pixels, _ = tf.function(decoding.batch_pixels)(tf.constant(encoded), 32, "stretch")
    logits = trained(tf.cast(pixels, tf.float32), training=False)
    expected = tf.nn.softmax(logits / contract["temperature"])
    outputs = served(image_bytes=tf.constant(encoded))
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)
    assert outputs["valid"].numpy().all()


def test_a_second_run_takes_all_from_the_cache_and_pushes_nothing(first, again):
    second = again()
    assert second.done.returncode == 0
    assert second.executed == set()
    assert second.summary.pushed is None
    assert second.summary.blessed
    assert "nothing new to push" in second.done.stdout
    assert len(list((first.output / "serving" / "some_digits").glob("[0-9]*"))) == 1


def test_a_refused_model_is_not_pushed_and_exits_with_3(first, again):
    refused = again("--gate.min-recall", "1.0", "--gate.min-support", "1", *LIGHT)
    assert refused.done.returncode == 3
    assert refused.executed == {"ReleaseGate", "Pusher", "Report"}
    assert refused.summary.status == "not_blessed"
    assert refused.summary.pushed is None
    assert any("at least 100.0% is needed" in reason for reason in refused.summary.reasons)
    assert "Refused, not pushed." in refused.done.stdout
    assert len(list((first.output / "serving" / "some_digits").glob("[0-9]*"))) == 1


@dataclass
class Moved:
    """Two runs after an image was moved: one that is killed in Preprocess, and the same again."""

    code: int
    shown: str
    last: Run

    def ran(self) -> set[str]:
        """The steps that the killed run finished, and did not take from the cache."""
        rows = re.findall(r"^(\w+) …\n(?:  .*\n)*?  \d+\.\d s(.*)$", self.shown, re.MULTILINE)
        return {name for name, rest in rows if not rest.startswith(", from cache")}


@pytest.fixture(scope="module")
def moved(first, again, forked, flags, data, tmp_path_factory) -> Moved:
    pixels = first.output / "artifacts" / "some_digits" / "Preprocess" / "pixels"
    before = len(list(pixels.iterdir()))
    os.rename(data / "1" / "000.png", data / "7" / "moved.png")
    out, err = (tmp_path_factory.mktemp("killed") / name for name in ("out", "err"))
    killed = forked.start([*flags, *BRIEFLY], out, err)
    while len(list(pixels.iterdir())) == before:  # its folder is made when it really begins
        assert killed.exitcode is None, err.read_text()
        time.sleep(0.02)
    killed.kill()
    killed.join()
    return Moved(killed.exitcode, out.read_text(), again(*BRIEFLY))


def test_moving_an_image_to_another_class_runs_the_steps_again(first, moved):
    last = moved.last
    assert last.done.returncode in (0, 3), last.done.stdout
    assert moved.ran() == {
        "ImageFolderExampleGen",
        "StatisticsGen",
        "ExampleValidator",
        "ImageValidator",
    }
    assert last.executed == {
        "Preprocess",
        "Trainer",
        "Predict",
        "Evaluator",
        "ReleaseGate",
        "Pusher",
        "Report",
    }
    assert "compared with the served model" in last.done.stdout
    supports = [row["support"] for row in last.summary.metrics.per_class.values()]
    assert sum(supports) == last.summary.examples["test"]
    starts = [
        history.History.from_json(path.read_text()).start
        for path in (first.output / "artifacts").rglob(history.FILE)
    ]
    assert sorted(starts) == ["random weights", "the last blessed model"]


def test_after_a_kill_the_same_command_goes_on_from_where_it_was(moved):
    """Kills in every step, and the same results after them, are in test_killed.py."""
    assert moved.code == -signal.SIGKILL
    line = "An earlier run was killed in Preprocess; this one continues there."
    assert line in moved.last.done.stdout
    steps = {step.name: step for step in moved.last.summary.steps}
    assert steps["ImageFolderExampleGen"].cached


def test_history_knows_the_runs_and_a_cleaning_leaves_what_the_cache_and_serving_need(
    first, again, moved, data, capsys
):
    version = min((first.output / "serving" / "some_digits").glob("[0-9]*")).name
    printed = ask_history(first.output, "lineage", version)
    for step in ("ImageFolderExampleGen", "Preprocess", "Trainer", "Predict", "Pusher", "Report"):
        assert f"\n{step} " in printed
    assert f"{data}, fingerprint " in printed
    clean = ["--output-dir", str(first.output), "clean", "--keep", "1"]
    assert run_history.main(clean) == 0, capsys.readouterr().err
    assert ask_history(first.output, "lineage", version) == printed
    last = again(*BRIEFLY)
    assert last.done.returncode in (0, 3), last.done.stdout
    assert last.executed == set()


def ask_history(output: Path, *arguments: str) -> str:
    command = [
        sys.executable,
        "-m",
        "pipeline.history",
        "--output-dir",
        str(output),
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
