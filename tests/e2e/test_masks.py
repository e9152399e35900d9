"""Whole runs with masks: released, asked, killed and finished, on drawn scenes."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import kills
from pipeline.outcome import summary
from tasks.segmentation.panels import outcome
from tests import scenes

pytestmark = pytest.mark.landing

TASK = ("--task", "segmentation")
RECIPE = """
preprocess: {size_px: 64}
train:
  head_epochs: 6
  fine_tune_epochs: 2
  min_phase_steps: 0
  cache: {views: 2}
  checkpoint_interval_s: 0.3
  exports: {formats: [tflite_float16, tflite_int8, onnx], representative_images: 20}
report: {robustness_images: 6}
gate: {ask_server: false}
infra: {enabled: false}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("masks")
    (root / "recipe.yaml").write_text(RECIPE)
    scenes.write(root / "scenes", 60)
    return root


@pytest.fixture(scope="module")
def undisturbed(place):
    run = kills.execute(place / "scenes", place / "whole", place / "recipe.yaml", flags=TASK)
    assert run.code == 0, run.shown
    return run


@pytest.fixture(scope="module")
def told(place, undisturbed):
    return summary.Summary.model_validate_json((place / "whole/summary.json").read_text())


def test_the_encoding_is_said_and_the_summary_has_the_figures(undisturbed, told):
    shown = "\n".join(undisturbed.shown)
    assert "3 classes by value (0–2); void is 255 (names from classes.txt)" in shown
    assert told.status == "succeeded" and told.layout.classes == dict.fromkeys(
        sorted(scenes.CLASSES), 60
    )
    keys = {"mean_iou", "mean_iou_low", "mean_iou_high", "pixel_accuracy", "mean_dice", "per_class"}
    assert keys <= set(outcome.Metrics.model_fields)
    assert told.metrics.mean_iou > 0.6
    rows = {"iou", "dice", "support_pixels", "support_images"}
    assert all(rows <= row.keys() for row in told.metrics.per_class.values())


def test_the_exports_went_through_the_gate(told):
    shown = "\n".join(told.reasons)
    for name in ("tflite_float16", "tflite_int8", "onnx"):
        assert f"The export {name} gives the label" in shown, shown


def test_masks_are_written_for_a_folder_of_images(place, told):
    answers = place / "answers.csv"
    command = [sys.executable, "-m", "pipeline.predict", "--model-dir", told.pushed.path]
    command += [str(place / "scenes/images"), "--output", str(answers)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=kills.ROOT)
    assert done.returncode == 0, done.stderr
    with answers.open(encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert len(rows) == 60
    right = []
    for path, row in rows.items():
        with Image.open(place / f"answers_mask{path}.png") as image:
            mask = np.asarray(image)
        _, truth = scenes.draw(int(Path(path).stem.removeprefix("scene")))
        right.append((mask == truth)[truth != scenes.VOID].mean())
        assert float(row["share of road"]) == pytest.approx((mask == 1).mean(), abs=1e-4)
    assert np.mean(right) > 0.9


def test_killed_runs_end_with_the_same_records_weights_and_figures(place, undisturbed):
    """In the middle of the masks of ingest, and of training on cached maps."""
    output, recipe = place / "killed", place / "recipe.yaml"
    whole = kills.result(place / "whole")
    for step, share in (("ImageFolderExampleGen", 0.4), ("Trainer", 0.4)):
        killer = kills.Killer(step, share * undisturbed.seconds[step])
        killed = kills.execute(place / "scenes", output, recipe, killer, flags=TASK)
        assert killed.code == -signal.SIGKILL, killed.shown
    last = kills.execute(place / "scenes", output, recipe, flags=TASK)
    assert last.code == 0, last.shown
    assert kills.differences(whole, kills.result(output)) == []
