"""Models that are quick to make and exported once a session, in whichever of its processes asks first.

The fixtures ``right`` and ``exported`` of tests/conftest.py give them to all tests.
"""

import fcntl
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest
from keras import layers

from components.preprocess import materialise
from components.release_gate.parity import server_process
from components.trainer import config, served_model
from components.trainer.network import keras_archive, model

TINY_LABELS = ["glass", "metal", "paper"]
TINY_SPEC = materialise.Spec(16, "stretch", TINY_LABELS, {"train": 1, "eval": 1, "test": 1})
# Of the exported ones: a space, and what is no ASCII.
SIZE = 32
LABELS = ["dark", "bright and shiny", "großer Hund"]
needs_server = pytest.mark.skipif(
    server_process.missing() is not None, reason="the extra [serve] is absent"
)


@dataclass(frozen=True)
class Exported:
    keras_file: Path
    saved_model: Path


def once(paths: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Makes a folder once a session, though pytest-xdist runs it in several processes.

    Args:
      paths: pytest's own.
      name: the folder's.
      make: fills the folder that it is given; what it leaves when it fails is made anew.

    Returns:
      The folder, which tests only read.
    """
    base = paths.getbasetemp()
    base = base.parent if base.name.startswith("popen-") else base
    folder, unfinished = base / name, base / f"{name}.unfinished"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def tiny(scale: float = 1 / 128, offset: float = -127 / 128) -> keras.Model:
    """Pixels → logits with fixed weights; what goes in is pixels · scale + offset."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((16, 16, 3), name="pixels")
    inputs = layers.Rescaling(scale, offset)(pixels)
    features = layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
    embedding = layers.Flatten(name=model.EMBEDDING_LAYER)(features)
    return keras.Model(pixels, layers.Dense(3, name="logits")(embedding))


def permuted() -> keras.Model:
    """The tiny one with the columns of its answer moved by one."""
    made = tiny()
    head = made.get_layer("logits")
    kernel, bias = head.get_weights()
    head.set_weights([kernel[:, [1, 2, 0]], bias[[1, 2, 0]]])
    return made


def exported_tiny(paths: pytest.TempPathFactory) -> Exported:
    """The tiny classifier as a SavedModel, and the ``.keras`` file that it was made from."""

    def make(root: Path) -> None:
        classifier = tiny()
        saved_model = root / "saved_model"
        served_model.save(classifier, TINY_SPEC, "tiny", saved_model, root, with_network=True)
        keras_archive.save(classifier, root / keras_archive.FILE)

    root = once(paths, "tiny", make)
    return Exported(root / keras_archive.FILE, root / "saved_model")


def exported_versions(paths: pytest.TempPathFactory) -> dict[int, Path]:
    """SavedModels of random weights, 1 and 2; the second has a class more. Beside: ``.keras`` files."""

    def make(root: Path) -> None:
        settings = config.TrainConfig(backbone="cnn", weights="random")
        for version in (1, 2):
            keras.utils.set_random_seed(version)
            labels = LABELS[: version + 1]
            spec = materialise.Spec(SIZE, "stretch", labels, {"train": 1, "eval": 1, "test": 0})
            classifier = model.build(settings, spec)
            folder = root / str(version)
            served_model.save(classifier, spec, "cnn", folder, root, with_network=True)
            keras_archive.save(classifier, root / f"{version}.keras")

    root = once(paths, "exported", make)
    return {version: root / str(version) for version in (1, 2)}
