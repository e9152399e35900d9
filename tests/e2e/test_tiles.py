"""A whole run on images with any number of labels, composed of photographs; the head alone is trained."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from sklearn import metrics

from tests import tiles

pytestmark = [pytest.mark.landing, pytest.mark.xdist_group("runs")]

IMAGES = 400


@pytest.fixture(scope="module")
def folder(shared, tmp_path_factory):
    source = shared("datasets/flower_photos_200")
    return tiles.compose(source, tmp_path_factory.mktemp("tiles") / "flowers", IMAGES)


@pytest.fixture(scope="module")
def run_summary(folder, forked):
    output = folder.parent / "out"
    flags = ("--task", "multilabel", "--data-dir", folder, "--output-dir", output)
    done = forked.run(*flags, "--train.fine-tune-epochs", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((output / "summary.json").read_text())


def test_the_labels_are_learnt(run_summary):
    assert run_summary["task"] == "multilabel"
    assert run_summary["status"] == "succeeded"
    assert sum(run_summary["examples"].values()) + run_summary["quarantined"] == IMAGES
    assert run_summary["metrics"]["map"] >= 0.80
    names = {"ap", "precision", "recall", "f1", "support", "threshold"}
    assert all(names <= row.keys() for row in run_summary["metrics"]["per_class"].values())
    assert len(run_summary["metrics"]["per_class"]) == 5


def test_the_figures_are_scikit_learns(run_summary):
    """From the answers on disk, by another library."""
    paths = sorted(Path(run_summary["predictions"]).glob("Split-test/*.parquet"))
    tables = [pq.read_table(path) for path in paths]
    names = json.loads(tables[0].schema.metadata[b"labels"])
    rows = [row for table in tables for row in table.to_pylist()]
    truth = np.array([[index in row["label_ids"] for index in range(len(names))] for row in rows])
    scores = np.array([row["probabilities"] for row in rows])
    per_class = run_summary["metrics"]["per_class"]
    expected = metrics.average_precision_score(truth, scores, average=None)
    assert [per_class[name]["ap"] for name in names] == pytest.approx(expected, abs=1e-6)
    assert run_summary["metrics"]["map"] == pytest.approx(expected.mean(), abs=1e-6)
    given = scores >= [per_class[name]["threshold"] for name in names]
    for column, name in enumerate(names):
        called, of = given[:, column], truth[:, column]
        for metric in ("precision", "recall", "f1"):
            value = getattr(metrics, f"{metric}_score")(of, called)
            assert per_class[name][metric] == pytest.approx(value, abs=1e-6), (name, metric)
    figures = run_summary["metrics"]["figures"]
    assert figures["hamming_loss"] == pytest.approx(metrics.hamming_loss(truth, given), abs=1e-6)
    subset = metrics.accuracy_score(truth, given)
    assert figures["subset_accuracy"] == pytest.approx(subset, abs=1e-6)


def test_the_pushed_model_names_the_labels(run_summary, folder):
    pushed = Path(run_summary["pushed"]["path"])
    served = tf.saved_model.load(str(pushed)).signatures["serving_default"]
    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:64]
    images = [(folder / row["file_name"]).read_bytes() for row in rows]
    answer = served(image_bytes=tf.constant(images))
    assert answer["valid"].numpy().all()
    found = [set(json.loads(value)) for value in answer["labels"].numpy()]
    truth = [set(row["labels"].split("|")) - {""} for row in rows]
    wrong = sum(len(one ^ other) for one, other in zip(found, truth, strict=True))
    assert wrong / (5 * len(rows)) <= 0.25
