"""A tiny classifier and its exports: one that is right, and others with a planted fault each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from keras import layers

from components.preprocess import materialise
from components.release_gate import golden, parity
from components.trainer import export, model
from data import graph
from tests.conftest import noise
from tests.data.test_decode import saved

LABELS = ["glass", "metal", "paper"]
SPEC = materialise.Spec(16, "stretch", LABELS, {"train": 1, "eval": 1, "test": 1})


def classifier(scale: float = 1 / 128, offset: float = -127 / 128) -> keras.Model:
    """Pixels → logits with fixed weights; what goes in is pixels · scale + offset."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((16, 16, 3), name="pixels")
    inputs = layers.Rescaling(scale, offset)(pixels)
    features = layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
    embedding = layers.Flatten(name=model.EMBEDDING_LAYER)(features)
    return keras.Model(pixels, layers.Dense(3, name="logits")(embedding))


def permuted() -> keras.Model:
    """The same with the columns of its answer moved by one."""
    made = classifier()
    head = made.get_layer("logits")
    kernel, bias = head.get_weights()
    head.set_weights([kernel[:, [1, 2, 0]], bias[[1, 2, 0]]])
    return made


@dataclass(frozen=True)
class Exported:
    keras_file: Path
    saved_model: Path


@pytest.fixture(scope="package")
def export_as(tmp_path_factory) -> Callable[..., Exported]:
    """Exports a served model beside the ``.keras`` file of the right one."""

    def make(served: keras.Model, spec: materialise.Spec = SPEC, exif: bool = True) -> Exported:
        root = tmp_path_factory.mktemp("model")
        with pytest.MonkeyPatch.context() as patch:
            if not exif:
                patch.setattr(graph, "orientation", lambda encoded: tf.constant(1))
            export.save(served, spec, "tiny", root / "saved_model", root)
        export.save_keras(classifier(), root / export.KERAS_FILE)
        return Exported(root / export.KERAS_FILE, root / "saved_model")

    return make


@pytest.fixture(scope="package")
def right(export_as) -> Exported:
    return export_as(classifier())


@pytest.fixture(scope="package")
def images() -> list[golden.Golden]:
    return golden.images(
        {name: saved(noise(40, 60, seed), "JPEG") for seed, name in enumerate(LABELS)}
    )


@pytest.fixture(scope="package")
def checked(right, images) -> parity.Parity:
    """The right model through every stage but the server; made once, for TensorFlow loads long."""
    return parity.check(right.keras_file, right.saved_model, images, spec=SPEC, ask_server=False)
