"""A search without labels: what is known of it is told, and nothing is made up."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from components.release_gate import config as gate_config
from components.report import config as report_config
from components.trainer import contract as trained_contract
from components.trainer import served_model
from components.trainer.calibration import calibration as trained
from data import errors
from data.examples import example
from tasks import collecting, evaluate_config, retrieval_config
from tasks.facets import training
from tasks.retrieval import ranks
from tasks.similarity import calibration, evidence, figures, target
from tasks.similarity.figures.metrics import recalls
from tasks.similarity.panels import chosen, outcome
from tests.tasks.similarity import made, made_predictions

CONFIG = evaluate_config.EvaluateConfig()
STRUCTURE = {
    "compared": 6, "clusters": 2, "silhouette": 0.5, "by_chance": 0.3, "sizes": [4, 2],
    "typical": [["1.jpg"], ["2.jpg"]], "outliers": 1, "named_outliers": ["3.jpg"],
}  # fmt: skip
GALLERY = {**made_predictions.SOUND, "per_class": [], "structure": STRUCTURE}


@pytest.fixture(scope="module")
def answered():
    """Four test images without labels, one of which could not be read."""
    found = made_predictions.predictions(
        [[0, 1], [1, 0], [0, 1], [-1, -1]], [target.NO_LABEL] * 4, gallery=GALLERY
    )
    nothing = np.full_like(found.ranked, -1)
    return dataclasses.replace(found, labels=[], counts=np.zeros(0, np.int64), ranked=nothing)


@pytest.fixture(scope="module")
def result(answered):
    tally = recalls.Recalls(CONFIG)
    tally.add(answered.targets, answered.answers)
    measured = collecting.Measured(np.zeros((0, 0)), 4, tally.values())
    part = ("image/class/label", -1, measured)
    return figures.FIGURES.collect([], CONFIG, measured, [part])


def record(*class_ids):
    made_of = tf.train.Feature(int64_list=tf.train.Int64List(value=class_ids))
    return tf.train.Example(
        features=tf.train.Features(feature={example.CLASS_LABEL: made_of})
    ).SerializeToString()


def test_a_record_has_a_class_or_none_and_keeps_it():
    annotation = target.TARGET.of(8)
    read = example.parse_targets(tf.constant([record(7), record()]), annotation).numpy()
    assert read.tolist() == [7, target.NO_LABEL]
    assert example.parse_targets(tf.constant([record(), record()]), annotation).numpy().max() == -1
    for class_id, written in zip(read, (record(7), record()), strict=True):
        assert tf.train.Example(
            features=tf.train.Features(feature=annotation.encode(class_id))
        ) == tf.train.Example.FromString(written)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        example.parse_targets(tf.constant([record(1, 2)]), annotation)


def test_an_image_without_a_class_is_never_right_nor_wrong(answered, result):
    assert answered.answers[:, ranks.LABEL].tolist() == [-1] * 4
    assert not answered.right.any() and answered.support.tolist() == []
    assert all(figure.value is None for figure in result.figures.values())
    assert (result.per_class, result.slices, result.example_count) == ({}, [], 4)


def checks(found, **settings):
    config = gate_config.GateConfig(**settings)
    return {one.name: one for one in evidence.EVIDENCE.limits(found, config, CONFIG)}


def test_the_gate_judges_what_can_be_judged(answered):
    found = checks(answered)
    assert {one.verdict for one in found.values()} == {"release"}
    assert "recall is not judged" in found[evidence.UNLABELLED].message
    assert found[evidence.READABLE].message == "The model reads 3 of 4 test images."
    assert not any("floor" in name for name in found)
    unread = dataclasses.replace(answered, valid=np.zeros(4, bool))
    assert checks(unread)[evidence.READABLE].verdict == "refuse"
    assert evidence.EVIDENCE.against_served(answered, answered, gate_config.GateConfig()) == []


def test_a_limit_of_recall_that_was_asked_for_is_not_met(answered):
    found = checks(answered, min_recall_at_1=0.5)["recall_at_1_floor"]
    assert found.verdict == "refuse" and "Recall@1 is undefined on 4 test images" in found.message


def test_people_are_told_the_structure(answered, result):
    told = outcome.metrics(result, answered)
    assert (told.recall_at_1, told.clusters, told.outliers, told.near_duplicates) == (None, 2, 1, 0)
    assert outcome.sentence(told, 4).startswith("No recall, since the images have no labels; the")
    assert dict(outcome.table(told).rows)["clusters"] == "2"
    shown = chosen.choose(answered, report_config.ReportConfig())
    assert not any(right for one in shown.queries for *_, right in one.neighbours)
    assert {"1.jpg", "2.jpg", "3.jpg"} <= shown.paths()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The tiny search, with a projection asked for and no label anywhere."""
    network = made.network()
    images = made.train_images(network)
    images = dataclasses.replace(images, targets=np.full(12, target.NO_LABEL))
    asked = retrieval_config.RetrievalConfig(projection="arcface")
    fitted = calibration.CALIBRATION.fit(
        images.outputs[:3],
        np.full(3, target.NO_LABEL),
        [],
        training.CalibrationSettings(retrieval=asked),
        images,
    )
    folder = tmp_path_factory.mktemp("unlabelled")
    spec = dataclasses.replace(made.SPEC, labels=[])
    scratch = tmp_path_factory.mktemp("scratch")
    fit = trained.Calibration(fitted)
    served_model.save(network, spec, "tiny", folder / "1", scratch, fit)
    return folder / "1"


def test_the_exported_search_gives_paths_and_no_labels(exported):
    served = tf.saved_model.load(str(exported)).signatures
    query = tf.constant([made.png(made.drawn("green", 2)), b"no image"])
    found = {name: value.numpy() for name, value in served["search"](image_bytes=query).items()}
    assert found["neighbours"][0, 0] == b"green/2.png"
    assert math.isclose(found["similarity"][0, 0], 1, abs_tol=1e-5)
    assert set(found["labels"].ravel()) == {b""} and found["valid"].tolist() == [True, False]
    assert served["serving_default"](image_bytes=query)["label"].numpy().tolist() == [b"", b""]


def test_the_contract_says_so(exported):
    contract = trained_contract.read(exported)
    assert (contract["labels"], contract["gallery"]["per_class"]) == ([], [])
    assert "no labels, so no projection was trained" in contract["calibration"]
    assert contract["gallery"]["structure"]["compared"] == 12


def test_another_task_needs_labels(exported, tmp_path):
    text = (exported / "assets" / trained_contract.FILE).read_text()
    (tmp_path / "assets").mkdir()
    path = tmp_path / "assets" / trained_contract.FILE
    path.write_text(text.replace('"task": "similarity"', '"task": "classification"'))
    with pytest.raises(errors.DataError, match="it names no labels"):
        trained_contract.read(tmp_path)
