"""Whole runs with boxes: released, asked, killed and finished, on drawn shapes."""

import csv
import json
import signal
import subprocess
import sys

import pytest

from benchmarks import kills
from pipeline.outcome import summary
from tests import shapes_with_boxes as shapes

pytestmark = pytest.mark.landing

TASK = ("--task", "detection")
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
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("boxes")
    (root / "recipe.yaml").write_text(RECIPE)
    shapes.write(root / "shapes", IMAGES)
    return root


@pytest.fixture(scope="module")
def undisturbed(place):
    run = kills.execute(place / "shapes", place / "whole", place / "recipe.yaml", flags=TASK)
    assert run.code == 0, run.shown
    return run


@pytest.fixture(scope="module")
def found(place, undisturbed):
    return summary.Summary.model_validate_json((place / "whole/summary.json").read_text())


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


def test_boxes_are_written_and_drawn_for_a_folder_of_images(place, found):
    for name in ("answers.csv", "answers.json"):
        command = [sys.executable, "-m", "pipeline.predict", "--model-dir", found.pushed.path]
        command += [str(place / "shapes"), "--output", str(place / name)]
        command += ["--draw", str(place / "drawn")] if name.endswith("csv") else []
        done = subprocess.run(command, capture_output=True, text=True, cwd=kills.ROOT)
        assert done.returncode == 0, done.stderr
    with (place / "answers.csv").open(encoding="utf-8") as file:
        assert len({row["path"] for row in csv.DictReader(file)}) == IMAGES + 1  # and boxes.csv
    assert len(list((place / "drawn").rglob("*.png"))) == IMAGES
    document = json.loads((place / "answers.json").read_text())
    assert {one["name"] for one in document["categories"]} == set(shapes.COLOURS)
    assert len(document["images"]) >= IMAGES
    (image,) = [one for one in document["images"] if one["file_name"].endswith("shapes001.png")]
    assert (image["height"], image["width"]) == (shapes.HEIGHT, shapes.WIDTH)


def test_killed_runs_end_with_the_same_records_weights_and_figures(place, undisturbed):
    output, recipe = place / "killed", place / "recipe.yaml"
    whole = kills.result(place / "whole")
    killer = kills.Killer("Trainer", 0.5 * undisturbed.seconds["Trainer"])
    killed = kills.execute(place / "shapes", output, recipe, killer, flags=TASK)
    assert killed.code == -signal.SIGKILL, killed.shown
    last = kills.execute(place / "shapes", output, recipe, flags=TASK)
    assert last.code == 0, last.shown
    assert kills.differences(whole, kills.result(output)) == []
