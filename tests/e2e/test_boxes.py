"""Whole runs with boxes: released, asked, killed and finished, on drawn shapes."""

import csv
import json

import pytest

from tests import shapes_with_boxes as shapes
from tests import task_runs

pytestmark = pytest.mark.landing

RECIPE = """
preprocess: {size_px: 96}
train:
  head_epochs: 10
  fine_tune_epochs: 2
  min_phase_steps: 0
  cache: {views: 2}
  checkpoint_interval_s: 0.3
  exports: {formats: [tflite_float16, onnx], representative_images: 20}
report: {robustness_images: 0}
gate: {ask_server: false}
infra: {enabled: false}
"""
IMAGES = 80


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("boxes")
    (root / "recipe.yaml").write_text(RECIPE)
    return task_runs.TaskRuns(root, "detection", shapes.write(root / "shapes", IMAGES))


@pytest.fixture(scope="module")
def undisturbed(runs):
    return runs.succeeded("whole")


@pytest.fixture(scope="module")
def found(runs, undisturbed):
    return runs.summary("whole")


def test_objects_are_found_and_the_summary_has_the_figures(undisturbed, found):
    shown = "\n".join(undisturbed.shown)
    empty = sum(not shapes.draw(seed)[1] for seed in range(IMAGES))
    count = sum(len(shapes.draw(seed)[1]) for seed in range(IMAGES))
    assert f"boxes:   {count} in 1 file, CSV; {empty} images without objects" in shown
    assert found.status == "succeeded"
    assert found.metrics.map50_low <= found.metrics.map50 <= found.metrics.map50_high
    assert found.metrics.map50 > 0.8 and 0 < found.metrics.map <= found.metrics.map75
    rows = {"ap50", "ap", "precision", "recall", "support"}
    assert sorted(found.metrics.per_class) == sorted(shapes.COLOURS)
    assert all(rows <= row.keys() for row in found.metrics.per_class.values())


def test_the_exports_went_through_the_gate(found):
    shown = "\n".join(found.reasons)
    for name in ("tflite_float16", "onnx"):
        assert f"The export {name} gives the label" in shown, shown


def test_boxes_are_written_and_drawn_for_a_folder_of_images(runs, found):
    place = runs.root
    drawing = ("--draw", place / "drawn")
    runs.predict(found.pushed.path, runs.data, place / "answers.csv", *drawing)
    runs.predict(found.pushed.path, runs.data, place / "answers.json")
    with (place / "answers.csv").open(encoding="utf-8") as file:
        assert len({row["path"] for row in csv.DictReader(file)}) == IMAGES + 1  # and boxes.csv
    assert len(list((place / "drawn").rglob("*.png"))) == IMAGES
    document = json.loads((place / "answers.json").read_text())
    assert {one["name"] for one in document["categories"]} == set(shapes.COLOURS)
    assert len(document["images"]) >= IMAGES
    (image,) = [one for one in document["images"] if one["file_name"].endswith("shapes001.png")]
    assert (image["height"], image["width"]) == (shapes.HEIGHT, shapes.WIDTH)


@pytest.mark.long
def test_killed_runs_end_with_the_same_records_weights_and_figures(runs, undisturbed):
    runs.assert_killed_runs_finish("whole", undisturbed, {"Trainer": 0.5})


def test_a_review_shows_boxes_and_drops_images(runs, undisturbed):
    runs.assert_review_shows_and_drops("whole")
