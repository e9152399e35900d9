"""Embeddings of images by the model in serving, for the test of drift."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from components.image_validator import clean
from data import catalog

_BATCH_SIZE = 32


def embedder(
    serving_dir: str, uri: str, images: Sequence[catalog.Image]
) -> Callable[[list[int]], np.ndarray] | None:
    """Makes a function from indices in the catalog to embeddings.

    Args:
      serving_dir: the versions of a model, each a SavedModel with the signature ``embed``.
      uri: the Examples artifact.
      images: its catalog.

    Returns:
      A function to float32 [N, D]; None where no version is served yet.
    """
    versions = []
    if tf.io.gfile.isdir(serving_dir):
        names = (name.rstrip("/") for name in tf.io.gfile.listdir(serving_dir))
        versions = sorted(int(name) for name in names if name.isdigit())
    if not versions:
        return None
    newest = os.path.join(serving_dir, str(versions[-1]))

    def embed(indices: list[int]) -> np.ndarray:
        signature = tf.saved_model.load(newest).signatures["embed"]
        contents = dict(clean.read_encoded(uri, images, set(indices)))
        encoded = [contents[index] for index in indices]
        parts = [
            signature(image_bytes=tf.constant(encoded[start : start + _BATCH_SIZE]))
            for start in range(0, len(encoded), _BATCH_SIZE)
        ]
        return np.concatenate([part["embedding"].numpy() for part in parts])

    return embed
