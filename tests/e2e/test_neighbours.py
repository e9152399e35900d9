"""Whole runs of a search: released, asked, added to, killed and finished, on drawn identities."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks import kills
from tasks.similarity.panels import outcome
from tests import task_runs

pytestmark = pytest.mark.landing

RECIPE = """
preprocess: {size_px: 64}
train:
  retrieval: {projection: proxy_anchor, projection_size: 32, whitening_size: 16}
report: {robustness_images: 0}
gate: {ask_server: false, min_support: 2}
infra: {enabled: false}
"""
COLOURS = {
    "amber": (230, 170, 30),
    "black": (20, 20, 20),
    "blue": (30, 40, 200),
    "green": (30, 170, 60),
    "red": (200, 30, 30),
    "white": (230, 230, 230),
}
EACH = 14


def draw(name: str, seed: int) -> Image.Image:
    """A square of one colour somewhere in noise."""
    generator = np.random.default_rng([seed, *COLOURS[name]])
    pixels = generator.integers(90, 160, (96, 96, 3))
    top, left = generator.integers(0, 40, 2)
    pixels[top : top + 50, left : left + 50] = np.array(COLOURS[name])
    noise = generator.integers(-20, 21, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("neighbours")
    (root / "recipe.yaml").write_text(RECIPE)
    for name in COLOURS:
        (root / "data" / name).mkdir(parents=True)
        for seed in range(EACH):
            draw(name, seed).save(root / "data" / name / f"{seed}.png")
    return task_runs.TaskRuns(root, "similarity", root / "data")


@pytest.fixture(scope="module")
def undisturbed(runs):
    return runs.succeeded("whole")


@pytest.fixture(scope="module")
def told(runs, undisturbed):
    return runs.summary("whole")


def test_the_summary_has_the_figures_and_says_what_became_of_the_projection(told):
    assert told.status == "succeeded" and told.task == "similarity"
    keys = {"recall_at_1", "recall_at_1_low", "recall_at_1_high", "recall_at_5", "map_at_r"}
    assert keys <= set(outcome.Metrics.model_fields)
    assert told.metrics.recall_at_1 > 0.8
    reasons = "\n".join(told.reasons)
    assert "of held-out classes (" in reasons and "trained with proxy_anchor" in reasons
    assert "The projection is" in reasons


def test_the_pushed_model_searches_its_gallery(told):
    model = tf.saved_model.load(told.pushed.path)
    contract = json.loads((Path(told.pushed.path) / "assets" / "contract.json").read_text())
    images = contract["gallery"]["images"]
    assert images == told.examples["train"]
    first = model.task_held.paths.numpy()[0].decode()
    found = model.signatures["search"](
        image_bytes=tf.constant([(Path(told.data_dir) / first).read_bytes(), b"nothing"])
    )
    assert found["neighbours"].numpy()[0, 0].decode() == first
    assert float(found["similarity"][0, 0]) == pytest.approx(1, abs=1e-4)
    assert found["valid"].numpy().tolist() == [True, False]


def test_neighbours_are_written_for_a_folder_of_images(runs, told):
    answers = runs.root / "answers.csv"
    runs.predict(told.pushed.path, runs.data / "red", answers)
    with answers.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 * EACH
    nearest = [row["neighbour label"] for row in rows if row["rank"] == "1"]
    assert nearest.count("red") > 0.8 * EACH


@pytest.mark.long
def test_killed_runs_end_with_the_same_records_weights_and_figures(runs, undisturbed):
    """In the middle of ingest, and while the gallery is embedded."""
    runs.assert_killed_runs_finish(
        "whole", undisturbed, {"ImageFolderExampleGen": 0.4, "Trainer": 0.6}
    )


def test_images_without_labels_are_searched_by_their_structure(runs):
    """Two colours in one flat folder, and a file that is no image."""
    flat = runs.root / "flat"
    flat.mkdir()
    for seed in range(EACH):
        for name in ("red", "white"):
            draw(name, seed).save(flat / f"{name}-{seed}.png")
    (flat / "notes.txt").write_text("no image")
    unlabelled = task_runs.TaskRuns(runs.root, "similarity", flat)
    # Whitening would hide clusters.
    run = unlabelled.execute("unlabelled", flags=("--train.retrieval.whitening-size", "0"))
    assert run.code == 0, run.shown
    told = unlabelled.summary("unlabelled")
    assert told.metrics.recall_at_1 is None and told.metrics.per_class == {}
    assert told.metrics.clusters >= 1 and told.metrics.near_duplicates is not None
    reasons = "\n".join(told.reasons)
    assert "recall is not judged" in reasons and "no projection was trained" in reasons
    answers = runs.root / "unlabelled.csv"
    runs.predict(told.pushed.path, flat, answers)
    with answers.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["neighbour label"] for row in rows} == {""}
    second = [row for row in rows if row["rank"] == "2"]
    colour = {
        key: [Path(row[key]).name.split("-")[0] for row in second] for key in ("path", "neighbour")
    }
    own = [
        one for one, other in zip(colour["path"], colour["neighbour"], strict=True) if one == other
    ]
    assert len(own) > 0.8 * len(second)


def test_further_images_make_a_version(runs, told):
    """It comes last, since the output folder has a version more after it."""
    more = runs.root / "more"
    (more / "red").mkdir(parents=True)
    draw("red", 100).save(more / "red" / "new.png")
    (more / "red" / "copy.png").write_bytes((runs.data / "red" / "0.png").read_bytes())
    command = [sys.executable, "-m", "pipeline.gallery", "add", str(more)]
    done = subprocess.run(
        [*command, "--output-dir", str(runs.root / "whole")],
        capture_output=True,
        text=True,
        cwd=kills.ROOT,
    )
    assert done.returncode == 0, done.stderr
    in_train = b"red/0.png" in tf.saved_model.load(told.pushed.path).task_held.paths.numpy()
    new = 1 if in_train else 2
    assert f"{new} new image" in done.stdout and "Its gallery has" in done.stdout
    versions = sorted((runs.root / "whole" / "serving" / "data").iterdir())
    newest = max(int(path.name) for path in versions if path.name.isdecimal())
    assert newest > int(told.pushed.version)
    contract = versions[0].parent / str(newest) / "assets" / "contract.json"
    assert json.loads(contract.read_text())["gallery"]["images"] == told.examples["train"] + new
