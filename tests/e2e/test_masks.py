"""Whole runs with masks: released, asked, killed and finished, on drawn scenes."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.segmentation.panels import outcome
from tests import scenes, task_runs

pytestmark = pytest.mark.landing

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
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("masks")
    (root / "recipe.yaml").write_text(RECIPE)
    return task_runs.TaskRuns(root, "segmentation", scenes.write(root / "scenes", 60))


@pytest.fixture(scope="module")
def undisturbed(runs):
    return runs.succeeded("whole")


@pytest.fixture(scope="module")
def told(runs, undisturbed):
    return runs.summary("whole")


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


def test_masks_are_written_for_a_folder_of_images(runs, told):
    answers = runs.root / "answers.csv"
    runs.predict(told.pushed.path, runs.data / "images", answers)
    with answers.open(encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert len(rows) == 60
    right = []
    for path, row in rows.items():
        with Image.open(runs.root / f"answers_mask{path}.png") as image:
            mask = np.asarray(image)
        _, truth = scenes.draw(int(Path(path).stem.removeprefix("scene")))
        right.append((mask == truth)[truth != scenes.VOID].mean())
        assert float(row["share of road"]) == pytest.approx((mask == 1).mean(), abs=1e-4)
    assert np.mean(right) > 0.9


@pytest.mark.long
def test_killed_runs_end_with_the_same_records_weights_and_figures(runs, undisturbed):
    """In the middle of the masks of ingest, and of training on cached maps."""
    runs.assert_killed_runs_finish(
        "whole", undisturbed, {"ImageFolderExampleGen": 0.4, "Trainer": 0.4}
    )


def test_a_review_shows_masks_and_drops_images(runs, undisturbed):
    runs.assert_review_shows_and_drops("whole")
