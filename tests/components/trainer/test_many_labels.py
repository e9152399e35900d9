"""Training, calibration and export where an image has any number of labels."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn import metrics

from components.preprocess import materialise
from components.trainer import contract as trained_contract
from components.trainer import served_model
from components.trainer.calibration import calibration
from components.trainer.exports import config as export_config
from components.trainer.exports import convert, exports_file, runtime
from components.trainer.loop import evaluation, phases
from components.trainer.network import keras_archive, model, warm_start
from data.examples import dataset
from tests.components.trainer import conftest
from tests.data.pictures import saved

pytestmark = pytest.mark.xdist_group("trained")

LABELS = ["red", "green and more", "blue"]
SPEC = materialise.Spec(
    conftest.SIZE, "stretch", LABELS, {"train": 256, "eval": 128, "test": 0}, task="multilabel"
)
SETTINGS = {"head_epochs": 20, "label_smoothing": 0.05, **conftest.views(1)}


def images(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark noise with a lit square for each label: uint8 [N, S, S, 3] and targets [N, K]."""
    generator = np.random.default_rng(seed)
    targets = (generator.random((count, 3)) < [0.5, 0.4, 0.15]).astype(np.float32)
    pixels = generator.integers(0, 50, (count, conftest.SIZE, conftest.SIZE, 3))
    for image, row in zip(pixels, targets, strict=True):
        for label in np.flatnonzero(row):
            top, left = generator.integers(0, conftest.SIZE - 16, 2)
            image[top : top + 16, left : left + 16, label] += 200
    return pixels.astype(np.uint8), targets


@pytest.fixture(scope="module")
def trained(record_files, tmp_path_factory) -> conftest.Trained:
    root = tmp_path_factory.mktemp("many_labels")
    job = conftest.job(record_files, root, **SETTINGS)
    train_files, eval_files = (
        conftest.write(root / name, *images(seed, SPEC.counts[name]), SPEC.annotation)
        for seed, name in enumerate(("train", "eval"))
    )
    job = dataclasses.replace(job, train_files=train_files, eval_files=eval_files, spec=SPEC)
    return conftest.Trained(*phases.train(job), job)


@pytest.fixture(scope="module")
def fitted(trained) -> calibration.Calibration:
    return calibration.fit(trained.classifier, trained.job)


@pytest.fixture(scope="module")
def exported(trained, fitted, tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    base = root / "Format-Serving"
    served_model.save(trained.classifier, SPEC, "cnn", base, root, fitted)
    keras_archive.save(trained.classifier, root / keras_archive.FILE)
    return base


def test_it_learns_and_shows_the_mean_average_precision(trained):
    assert trained.history.best_score() >= 0.95
    for phase in trained.history.phases.values():
        assert {"loss", "map", "val_loss", "val_map"} <= set(phase)
    pixels, targets = images(1, SPEC.counts["eval"])
    outputs = trained.classifier(pixels, training=False).numpy()
    batches = dataset.evaluation_batches(
        trained.job.eval_files, len(pixels), SPEC.size_px, 50, SPEC.annotation
    )
    loss = trained.job.loss()
    found = evaluation.Evaluator(trained.classifier, trained.job.head, loss).evaluate(batches)
    expected = metrics.average_precision_score(targets, outputs)
    assert found.score == pytest.approx(expected, abs=0.01)
    assert found.loss == pytest.approx(float(tf.reduce_mean(loss.call(targets, outputs))), rel=1e-5)


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_rare_labels_can_count_more(trained, tmp_path, balance):
    job = dataclasses.replace(
        trained.job,
        config=trained.job.config.model_copy(update={"balance": balance, "head_epochs": 2}),
        log_dir=tmp_path / "logs",
        checkpoint_dir=tmp_path / "unfinished",
    )
    factors = job.class_factors()
    assert factors[2] == max(factors) > 1.5
    _, history = phases.train(job)
    assert len(history.phases["head"]["val_map"]) == 2


def test_thresholds_name_what_is_there(trained, fitted):
    pixels, targets = images(7, 200)
    outputs = trained.classifier(pixels, training=False)
    named = fitted.answers.probabilities(outputs).numpy() >= fitted.answers.thresholds
    assert metrics.f1_score(targets, named, average="micro") >= 0.9
    assert fitted.detector.directions.shape[0] == len(LABELS)


def encoded(pixels: np.ndarray) -> list[bytes]:
    return [*(saved(Image.fromarray(image), "PNG") for image in pixels), b"no image"]


def test_what_is_served_is_the_trained_model(trained, fitted, exported):
    pixels, _ = images(7, 20)
    served = tf.saved_model.load(str(exported)).signatures
    found = served["serving_default"](image_bytes=tf.constant(encoded(pixels)))
    expected = fitted.answers.probabilities(trained.classifier(pixels, training=False)).numpy()
    np.testing.assert_allclose(found["probabilities"][:-1], expected, atol=1e-5)
    listed = [json.loads(text) for text in found["labels"].numpy()[:-1]]
    for names, row in zip(listed, expected, strict=True):
        wanted = np.flatnonzero(row >= fitted.answers.thresholds)
        assert names == [LABELS[label] for label in sorted(wanted, key=lambda one: -row[one])]
    assert {len(names) for names in listed} >= {0, 1, 2}
    assert found["labels"].numpy()[-1] == b""
    assert not found["probabilities"].numpy()[-1].any()
    assert found["valid"].numpy().tolist() == [True] * 20 + [False]


def test_the_contract_describes_every_signature_and_the_thresholds(fitted, exported):
    contract = trained_contract.read(exported)
    assert (contract["task"], contract["display"]) == ("multilabel", "label_bars")
    assert contract["thresholds"] == dict(zip(LABELS, fitted.answers.thresholds, strict=True))
    served = tf.saved_model.load(str(exported)).signatures
    assert set(served) == set(contract["signatures"])
    for name, described in contract["signatures"].items():
        assert set(served[name].structured_outputs) == set(described["outputs"])
        assert set(served[name].structured_input_signature[1]) == set(described["inputs"])


def test_each_label_can_be_explained_by_name(exported):
    """Of an image with two squares, the heat for a label lies on its own."""
    pixels = np.full((1, conftest.SIZE, conftest.SIZE, 3), 20, np.uint8)
    pixels[0, :16, :16, 0] = 230
    pixels[0, 16:, 16:, 1] = 230
    served = tf.saved_model.load(str(exported)).signatures
    images_of = tf.constant([saved(Image.fromarray(pixels[0]), "PNG")] * 3 + [b"no image"])
    names = tf.constant(["red", "green and more", "yellow", "red"])
    found = served["explain_label"](image_bytes=images_of, label=names)
    assert found["label"].numpy().tolist() == [b"red", b"green and more", b"", b""]
    heat = found["heatmap"].numpy()
    assert heat[0, :16, :16].sum() > heat[0, 16:, 16:].sum()
    assert heat[1, 16:, 16:].sum() > heat[1, :16, :16].sum()
    assert not heat[2:].any()
    assert found["score"].numpy()[2:].tolist() == [0, 0]
    assert found["valid"].numpy().tolist() == [True] * 3 + [False]
    best = served["explain"](image_bytes=images_of[:1])
    assert best["label"].numpy()[0] in (b"red", b"green and more")


def test_a_warm_start_knows_the_labels_by_name(trained, exported):
    names = ["new", *LABELS[::-1]]
    spec = dataclasses.replace(SPEC, labels=names)
    fresh = model.build(trained.job.config, spec)
    start = warm_start.apply(fresh, spec, "cnn", exported)
    assert (start.fit, start.new_classes) == (warm_start.Fit.TAKEN, 1)
    pixels, _ = images(7, 5)
    np.testing.assert_allclose(
        fresh(pixels, training=False)[:, :0:-1],
        trained.classifier(pixels, training=False),
        atol=1e-5,
    )


def test_of_a_model_of_another_task_the_backbone_alone_is_taken(trained, exported):
    spec = dataclasses.replace(conftest.SPEC, labels=LABELS)
    fresh = model.build(trained.job.config, spec)
    before = fresh.get_layer("logits").get_weights()
    start = warm_start.apply(fresh, spec, "cnn", exported)
    assert start.fit is warm_start.Fit.BACKBONE_TAKEN
    assert start.sentence == "the last blessed model, its backbone alone: its task is multilabel"
    for old, new in zip(before, fresh.get_layer("logits").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    backbones = (one.get_layer(model.BACKBONE_LAYER) for one in (fresh, trained.classifier))
    conftest.weights_equal(*backbones)


@pytest.mark.landing
def test_the_exports_have_independent_probabilities(trained, fitted, tmp_path):
    formats = ["onnx", "tflite_float16"]
    settings = export_config.ExportConfig(formats=formats, representative_images=20)
    files = trained.job.train_files
    convert.write(trained.classifier, SPEC, fitted.answers, files, settings, tmp_path)
    pixels, _ = images(7, 20)
    expected = fitted.answers.probabilities(trained.classifier(pixels, training=False))
    for one in exports_file.read(tmp_path):
        found = runtime.ask(one.format, tmp_path / exports_file.FOLDER / one.file, pixels)
        np.testing.assert_allclose(found, expected, atol=5e-3, err_msg=one.format)
    described = json.loads((tmp_path / exports_file.FOLDER / exports_file.FILE).read_text())
    assert described["thresholds"] == dict(zip(LABELS, fitted.answers.thresholds, strict=True))
