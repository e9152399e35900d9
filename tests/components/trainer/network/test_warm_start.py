import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer import contract as trained_contract
from components.trainer import export
from components.trainer.loop import phases
from components.trainer.network import model, warm_start
from tests.components.trainer import conftest

pytestmark = pytest.mark.xdist_group("trained")


@pytest.fixture(scope="module")
def last(trained, tmp_path_factory):
    """Exports a model; returns its folder."""
    root = tmp_path_factory.mktemp("last")
    base = root / "Format-Serving"
    export.save(trained.classifier, trained.job.spec, "cnn", base, root)
    export.save_keras(trained.classifier, root / export.KERAS_FILE)
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
    (broken.parent / export.KERAS_FILE).write_bytes(b"junk")
    assert warm_start.apply(fresh, conftest.SPEC, "cnn", broken).fit is missing.fit
    np.testing.assert_array_equal(probabilities(fresh), before)
