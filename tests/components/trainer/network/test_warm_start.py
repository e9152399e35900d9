import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer import contract as trained_contract
from components.trainer.loop import phases
from components.trainer.network import keras_archive, model, stored, warm_start
from tests.components.trainer import conftest
from tests.components.trainer.backbones.conftest import SIZE, dear

pytestmark = pytest.mark.xdist_group("trained")


@pytest.fixture(scope="module")
def last(trained, tmp_path_factory):
    """Exports a model; returns its folder."""
    root = tmp_path_factory.mktemp("last")
    base = root / "Format-Serving"
    served_model.save(trained.classifier, trained.job.spec, "cnn", base, root)
    keras_archive.save(trained.classifier, root / keras_archive.FILE)
    return base


def probabilities(classifier: keras.Model) -> np.ndarray:
    pixels, _ = conftest.images(4, 8)
    return tf.nn.softmax(classifier(pixels, training=False)).numpy()


def test_it_knows_what_the_last_one_knew(trained, last):
    fresh = model.build(trained.job.config, conftest.SPEC)
    start = warm_start.apply(fresh, conftest.SPEC, "cnn", last)
    assert (start.fit, start.new_classes) == (warm_start.Fit.TAKEN, 0)
    np.testing.assert_allclose(probabilities(fresh), probabilities(trained.classifier), atol=1e-6)


def test_new_classes_extend_the_head_and_the_old_ones_keep_their_weights(trained, last):
    names = ["new", *conftest.LABELS[::-1], "newer"]
    spec = dataclasses.replace(conftest.SPEC, labels=names)
    fresh = model.build(trained.job.config, spec)
    start = warm_start.apply(fresh, spec, "cnn", last)
    assert (start.fit, start.new_classes) == (warm_start.Fit.TAKEN, 2)
    assert start.sentence == "the last blessed model, with 2 new classes"
    pixels, _ = conftest.images(4, 8)
    old = trained.classifier(pixels, training=False).numpy()
    new = fresh(pixels, training=False).numpy()
    np.testing.assert_allclose(new[:, [2, 1]], old, atol=1e-5)


def test_training_starts_from_it(trained, last, make_job):
    job = conftest.without(make_job(head_epochs=1, fine_tune_epochs=0), base=last)
    _, history = phases.train(job)
    assert history.start == warm_start.LAST
    assert history.phases["head"]["val_loss"][0] < trained.history.phases["head"]["val_loss"][0]
    cold = conftest.without(job, config=job.config.model_copy(update={"warm_start": False}))
    assert phases.train(cold)[1].start == warm_start.PRETRAINED


def test_what_does_not_fit_is_told_and_left(trained, last, tmp_path):
    fresh = model.build(trained.job.config, conftest.SPEC)
    before = probabilities(fresh)
    other = warm_start.apply(fresh, conftest.SPEC, "resnet50", last)
    assert other.fit is warm_start.Fit.OTHER_BACKBONE
    assert other.sentence == "the backbone's weights: the last model has the backbone cnn"
    missing = warm_start.apply(fresh, conftest.SPEC, "cnn", tmp_path / "no")
    assert missing.fit is warm_start.Fit.UNREADABLE
    broken = tmp_path / "broken" / "Format-Serving"
    (broken / "assets").mkdir(parents=True)
    contract = json.loads((last / "assets" / trained_contract.FILE).read_text())
    (broken / "assets" / trained_contract.FILE).write_text(json.dumps(contract))
    (broken.parent / keras_archive.FILE).write_bytes(b"junk")
    assert warm_start.apply(fresh, conftest.SPEC, "cnn", broken).fit is missing.fit
    np.testing.assert_array_equal(probabilities(fresh), before)


def changed(last: Path, root: Path, contents: dict[str, bytes], compression: int = 0) -> Path:
    """Copies an exported model with other contents in its ``.keras`` file; returns its folder."""
    base = root / "Format-Serving"
    shutil.copytree(last / "assets", base / "assets")
    with zipfile.ZipFile(last.parent / keras_archive.FILE) as archive:
        stored_contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(root / keras_archive.FILE, "w", compression) as archive:
        for name, content in (stored_contents | contents).items():
            archive.writestr(name, content)
    return base


def test_the_network_of_another_keras_is_not_read(trained, last, tmp_path):
    """Its classes and their settings may be unknown here; the weights are the same arrays."""
    network = {"class_name": "Unknown", "module": "builtins", "config": {"of": "tomorrow"}}
    base = changed(last, tmp_path, {"config.json": json.dumps(network).encode()})
    with pytest.raises(TypeError):
        keras.saving.load_model(tmp_path / keras_archive.FILE)
    fresh = model.build(trained.job.config, conftest.SPEC)
    assert warm_start.apply(fresh, conftest.SPEC, "cnn", base).fit is warm_start.Fit.TAKEN
    for new, old in zip(fresh.get_weights(), trained.classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def weights_of(root: Path, shape: tuple[int, ...], **how: object) -> bytes:
    path = root / "some.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", shape, "float32", **how)
    return path.read_bytes()


def test_weights_that_would_fill_the_memory_are_left(trained, last, tmp_path):
    fresh = model.build(trained.job.config, conftest.SPEC)
    before = probabilities(fresh)
    # Of a terabyte, in a file of some kilobytes.
    bomb = weights_of(tmp_path, (1 << 19, 1 << 19), chunks=(1 << 10, 1 << 10), compression="gzip")
    cases = {
        "bomb": ({stored.WEIGHTS_MEMBER: bomb}, zipfile.ZIP_STORED),
        "compressed": ({}, zipfile.ZIP_DEFLATED),
        "torn": ({stored.WEIGHTS_MEMBER: bomb[: len(bomb) // 2]}, zipfile.ZIP_STORED),
        "empty": ({stored.WEIGHTS_MEMBER: b""}, zipfile.ZIP_STORED),
    }
    for name, (contents, compression) in cases.items():
        base = changed(last, tmp_path / name, contents, compression)
        start = warm_start.apply(fresh, conftest.SPEC, "cnn", base)
        assert start.fit is warm_start.Fit.UNREADABLE, name
    np.testing.assert_array_equal(probabilities(fresh), before)


def with_labels(count: int) -> materialise.Spec:
    return dataclasses.replace(conftest.SPEC, labels=[str(number) for number in range(count)])


def test_weights_of_another_network_are_told_and_left(trained, last, tmp_path):
    fresh = model.build(trained.job.config, conftest.SPEC)
    before = probabilities(fresh)
    separable = config.TrainConfig(backbone="cnn_separable", weights="random")
    for name, other in {
        "other layers": model.build(separable, conftest.SPEC),
        "a larger head": model.build(trained.job.config, with_labels(3)),
        "a smaller head": model.build(trained.job.config, with_labels(1)),
    }.items():
        base = changed(last, tmp_path / name, {})
        keras_archive.save(other, base.parent / keras_archive.FILE)
        start = warm_start.apply(fresh, conftest.SPEC, "cnn", base)
        assert start.fit is warm_start.Fit.OTHER_LAYERS, name
        assert start.sentence == "the backbone's weights: the last model has other layers"
    many = with_labels(1_000_000)
    with pytest.raises(stored.OtherLayersError):
        stored.read(last.parent / keras_archive.FILE, "cnn", many)
    np.testing.assert_array_equal(probabilities(fresh), before)


@pytest.mark.parametrize("name", dear())
def test_the_weights_of_every_backbone_are_read_back(name, tmp_path):
    spec = dataclasses.replace(with_labels(3), size_px=SIZE)
    trained = model.build(config.TrainConfig(backbone=name, weights="random"), spec)
    keras_archive.save(trained, tmp_path / keras_archive.FILE)
    again = stored.read(tmp_path / keras_archive.FILE, name, spec)
    for new, old in zip(again.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
