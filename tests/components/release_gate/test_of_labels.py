"""A tiny model of several labels an image, from its records to a decision."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.predict import exported_model
from components.release_gate import config, decision, gate
from components.release_gate.parity import differences, parity, parity_images, probe, training_stage
from components.trainer import contract as trained_contract
from components.trainer import served_model
from components.trainer.network import keras_archive
from data.examples import example, lookup
from tasks import task
from tests.components.predict import conftest as predicted
from tests.models import TINY_LABELS, TINY_SPEC, Exported, tiny

pytestmark = pytest.mark.usefixtures("graphs_as_they_are")
SPEC = dataclasses.replace(TINY_SPEC, task="multilabel")
PRESENT = [(0, 1), (), (2,), (0, 1, 2), (1,), (0,)]


def record(number: int, label_ids: tuple[int, ...]) -> bytes:
    names = tuple(TINY_LABELS[one] for one in label_ids)
    source = example.ImageSource(f"{number}.jpg", names, label_ids, f"{number}" * 64)
    return example.Encoder().encode(predicted.jpeg(number), predicted.INFO, source)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Exported:
    """The tiny network, exported as a model of labels with its default thresholds."""
    root = tmp_path_factory.mktemp("labelled")
    served_model.save(tiny(), SPEC, "tiny", root / "saved_model", root)
    keras_archive.save(tiny(), root / keras_archive.FILE)
    return Exported(root / keras_archive.FILE, root / "saved_model")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    lines = [record(number, label_ids) for number, label_ids in enumerate(PRESENT)]
    broken = example.ImageSource("broken.jpg", ("paper",), (2,), "b" * 64)
    lines.append(example.Encoder().encode(b"no image", predicted.INFO, broken))
    return predicted.write(tmp_path_factory.mktemp("examples"), "test", lines, 1)


@pytest.fixture(scope="module")
def answered(files, labelled, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("answers")
    predicted.answer(files, target, exported_model.Model(labelled.saved_model))
    return target


def run(answered, files, labelled, served: Path | None, scratch: Path) -> gate.Outcome:
    job = config.GateJob(
        config=config.GateConfig(parity=False, min_map=0), model_name="m", cache_dir=str(scratch)
    )
    return gate.run(
        job,
        TINY_LABELS,
        gate.Tested(files, str(answered)),
        labelled.saved_model,
        gate.Trained(labelled.keras_file, SPEC),
        served,
    )


def test_truths_and_given_labels_are_those_of_the_records_and_the_signature(
    answered, files, labelled
):
    found = task.load("multilabel").answers.read(str(answered), "test")
    expected = [[label in label_ids for label in range(3)] for label_ids in [*PRESENT, (2,)]]
    assert found.truths.tolist() == expected
    signature = tf.saved_model.load(str(labelled.saved_model)).signatures["serve_examples"]
    lines = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    said = [json.loads(text or b"[]") for text in signature(tf.constant(lines))["labels"].numpy()]
    named = [{TINY_LABELS[place] for place in np.flatnonzero(row)} for row in found.given]
    assert named == [set(names) for names in said]
    assert found.valid.tolist() == [True] * 6 + [False]
    assert not found.given[6].any()


def test_every_stage_names_the_labels_of_its_own_probabilities(labelled):
    images = parity_images.images({})[:6]
    encoded = [image.encoded for image in images]
    contract = trained_contract.read(labelled.saved_model)
    signature = tf.saved_model.load(str(labelled.saved_model)).signatures["serving_default"]
    said = probe._ask(signature, encoded, ("probabilities", "valid", "labels"))
    names = [name.decode() for name in said["labels"]]
    stages = [
        training_stage.ask(labelled.keras_file, SPEC, contract, encoded),
        probe.Stage(probe.BATCH, said["probabilities"], said["valid"], names),
    ]
    found = differences.Parity()
    differences.judge(found, images, stages, "multilabel", contract, parity.TOLERANCE)
    assert found.ok, found.problems
    assert found.largest[probe.BATCH] < parity.TOLERANCE
    # Thresholds that the graph does not have are found by the labels.
    other = {**contract, "thresholds": dict.fromkeys(TINY_LABELS, 1.0)}
    differences.judge(found, images, stages, "multilabel", other, parity.TOLERANCE)
    assert "by its own probabilities it is '[]'" in found.problems[0]


def test_a_model_is_compared_with_itself(answered, files, labelled, tmp_path):
    found = run(answered, files, labelled, labelled.saved_model, tmp_path).decision
    checks = {check.name: check for check in found.checks}
    assert "stayed at" in checks["accuracy_against_served"].message
    assert checks["label_against_served"].verdict == "release"


def test_a_served_model_of_another_task_is_no_baseline(answered, files, labelled, right, tmp_path):
    found = run(answered, files, labelled, right.saved_model, tmp_path).decision
    names = [check.name for check in found.checks]
    assert sorted(names) == ["map_floor", decision.OTHER_TASK]
    (other,) = (check for check in found.checks if check.name == decision.OTHER_TASK)
    assert other.message == (
        "The served model is one of classification, the candidate one of multilabel: they are not"
        " compared, and the candidate is checked against the limits only."
    )


def test_an_image_stands_for_each_of_its_labels(files):
    found = lookup.one_of_each_class(files, 3)
    assert list(found) == sorted(TINY_LABELS)
    assert found["glass"] == found["metal"] != found["paper"]
