"""Computes embeddings of images by the served model, for the check of drift."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.image_validator import clean
from data.examples import catalog
from serving import served_version

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
      A function to float32 [N, D]; None if no version is served yet.
    """
    version = served(serving_dir)
    if version is None:
        return None
    model_dir = os.path.join(serving_dir, str(version))

    def embed(indices: list[int]) -> np.ndarray:
        signature = tf.saved_model.load(model_dir).signatures["embed"]
        contents = dict(clean.read_encoded(uri, images, set(indices)))
        encoded = [contents[index] for index in indices]
        parts = [
            signature(image_bytes=tf.constant(encoded[start : start + _BATCH_SIZE]))
            for start in range(0, len(encoded), _BATCH_SIZE)
        ]
        return np.concatenate([part["embedding"].numpy() for part in parts])

    return embed


def served(serving_dir: str) -> int | None:
    """Returns the served version; the folder may be in an object store."""
    if "://" not in serving_dir:
        return served_version.served(Path(serving_dir))
    if not tf.io.gfile.isdir(serving_dir):
        return None

    def read(name: str) -> bytes:
        path = os.path.join(serving_dir, name, served_version.SAVED_MODEL_FILE)
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                content: bytes = file.read(served_version.MOST_BYTES)
                return content
        except tf.errors.OpError as error:
            raise OSError(str(error)) from error

    names = (name.rstrip("/") for name in tf.io.gfile.listdir(serving_dir))
    return served_version.choose(names, read)
