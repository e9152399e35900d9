"""A tiny search: a network of fixed weights, drawn images, their gallery, exported once a session."""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

from components.preprocess import materialise
from components.trainer import served_model
from components.trainer.calibration import calibration as trained
from components.trainer.network import keras_archive, model
from data.files import hashing
from tasks import retrieval_config
from tasks.facets import training
from tasks.similarity import calibration
from tests import models

LABELS = ["blue", "green", "red"]
SIDE = 16
SPEC = materialise.Spec(
    SIDE, "stretch", LABELS, {"train": 12, "eval": 3, "test": 3}, task="similarity"
)
COLOURS = {"blue": (20, 30, 200), "green": (30, 180, 40), "red": (200, 30, 20)}


def network() -> keras.Model:
    """Pixels → embedding: two convolutions of fixed weights."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    inputs = layers.Rescaling(1 / 128, -127 / 128)(pixels)
    features = layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
    embedding = layers.GlobalAveragePooling2D(name=model.EMBEDDING_LAYER)(features)
    return keras.Model(pixels, layers.Activation("linear", name="vector")(embedding))


def drawn(label: str, seed: int) -> np.ndarray:
    """An image of mostly one colour, uint8 [S, S, 3]."""
    noise = np.random.default_rng(seed).integers(-25, 26, (SIDE, SIDE, 3))
    return np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """The image as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def train_images(made: keras.Model, count: int = 4) -> training.TrainImages:
    """``count`` images of each class."""
    names = [(label, seed) for label in LABELS for seed in range(count)]
    pixels = np.stack([drawn(*name) for name in names])
    return training.TrainImages(
        outputs=made.predict(pixels.astype(np.float32), verbose=0),
        targets=np.array([LABELS.index(label) for label, _ in names]),
        paths=[f"{label}/{seed}.png" for label, seed in names],
        digests=[hashing.sha256(png(image)) for image in pixels],
        network=hashing.arrays(variable.numpy() for variable in made.variables),
    )


def fitted(made: keras.Model, **settings: object) -> calibration.Fitted:
    """The gallery of these images, with eval images of other seeds."""
    names = [(label, 100 + seed) for label in LABELS for seed in range(3)]
    outputs = made.predict(np.stack([drawn(*name) for name in names]).astype(np.float32), verbose=0)
    targets = np.array([LABELS.index(label) for label, _ in names])
    asked = training.CalibrationSettings(retrieval=retrieval_config.RetrievalConfig(**settings))
    return calibration.CALIBRATION.fit(outputs, targets, LABELS, asked, train_images(made))


@dataclass(frozen=True)
class Exported:
    keras_file: Path
    saved_model: Path


def exported(paths) -> Exported:
    """The network and its gallery as a SavedModel, and the ``.keras`` file that it was made from."""

    def make(root: Path) -> None:
        classifier = network()
        fit = trained.Calibration(fitted(classifier))
        with tempfile.TemporaryDirectory() as scratch:
            served_model.save(classifier, SPEC, "tiny", root / "saved_model", Path(scratch), fit)
        keras_archive.save(classifier, root / keras_archive.FILE)

    root = models.once(paths, "tiny-search", make)
    return Exported(root / keras_archive.FILE, root / "saved_model")
