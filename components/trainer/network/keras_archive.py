"""The trained network as a ``.keras`` file beside the SavedModel, which Keras cannot read."""

from pathlib import Path

import keras

from components.trainer.network import windows
from tasks import normalisation

FILE = "model.keras"


def load(path: Path) -> keras.Model:
    """Reads what :func:`save` wrote, with the layers that are the project's own."""
    registered = (windows.Window, windows.Blended, normalisation.BatchNormalization)
    scope = {layer.__name__: layer for layer in registered}
    return keras.saving.load_model(path, custom_objects=scope, compile=False)


def save(classifier: keras.Model, path: Path) -> None:
    """Writes the model, pixels → outputs of its head, as a ``.keras`` file: Keras reads no SavedModel.

    The optimizer is left out: its slots depend on which layers were frozen when, and a file that
    holds them does not load.
    """
    keras.Model(classifier.input, classifier.output, name=classifier.name).save(path)
