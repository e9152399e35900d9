"""Predictions without a server: the served version of a model's folder, in this process."""

from collections.abc import Sequence
from pathlib import Path

from serving import client, protocol, versions

_BATCH = 32


def predict(model_dir: Path, images: Sequence[bytes]) -> list[client.Prediction]:
    """Classifies encoded images, as the server would.

    Args:
      model_dir: the model's folder.
      images: JPEG, PNG, GIF or BMP; a bad one is not valid.

    Raises:
      errors.UserError: there is no version.
    """
    version = versions.served(model_dir)
    import tensorflow as tf

    loaded = tf.saved_model.load(str(version.path))
    serve = loaded.signatures["serving_default"]
    found = []
    for start in range(0, len(images), _BATCH):
        batch = tf.constant(list(images[start : start + _BATCH]))
        outputs = serve(**{client.IMAGE_INPUT: batch})
        values = {name: value.numpy() for name, value in outputs.items()}
        found += client.predictions(protocol.Answer(str(version.number), values))
    return found
