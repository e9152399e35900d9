"""Measures drift by the served model's embeddings: ``python -m pipeline.scheduled.embedding_process``.

On stdin a JSON object: ``model``, the folder with saved_model.pb; ``root``, and ``new`` and
``old``, paths below it; ``reference``, the model's answers about its held-out images, a
Predictions artifact, or null. With enough of those, the old files are not read. The last line on
stdout: ``discrepancy`` and ``chance`` of the maximum mean discrepancy, or null if too few images
can be read. Dimension letters: N images, D features.
"""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from data import errors
from data.files import user_files
from data.images import decode_config
from data.splits import drift

MAX_IMAGES = 128  # of each sample; the test's cost grows with the square
_BATCH_SIZE = 32


def compare(question: dict[str, Any]) -> dict[str, float] | None:
    """Answers the request on stdin, see the module."""
    import tensorflow as tf

    signature = tf.saved_model.load(question["model"]).signatures["embed"]
    random = np.random.default_rng(0)
    parts = []
    for name in ("new", "old"):
        paths = question[name]
        chosen = random.permutation(len(paths))[:MAX_IMAGES].tolist()
        known = reference(question["reference"], Path(question["model"])) if name == "old" else None
        if known is None:
            files_of = [paths[place] for place in chosen]
            known = _embed(signature, Path(question["root"]), files_of)
        parts.append(known)
    if min(len(part) for part in parts) < 2:
        return None
    discrepancy, chance = drift.maximum_mean_discrepancy(parts[0], parts[1], random)
    return {"discrepancy": discrepancy, "chance": chance}


def reference(uri: str | None, model_dir: Path) -> np.ndarray | None:
    """Reads a model's embeddings of images that it was not trained on.

    Embeddings of training images lie closer to their classes than new ones can, so new images are
    best compared with held-out ones.

    Args:
      uri: a Predictions artifact; None if there is none.
      model_dir: the model that must have made it.

    Returns:
      Embeddings float32 [MAX_IMAGES, D]; None if there are fewer, or they are of another model.
    """
    from components.predict import config as predict_config
    from components.predict import exported_model
    from tasks.predictions import schema

    if uri is None:
        return None
    paths = [path for split in predict_config.SPLITS for path in schema.files(uri, split)]
    if not paths:
        return None
    try:
        table = schema.read_columns(paths, [schema.EMBEDDING])
    except errors.PipelineError as error:
        logging.warning("The old files are used instead: %s", error)
        return None
    if schema.model_of(table.schema) != exported_model.digest(model_dir):
        return None
    held = table.filter(pc.is_valid(table[schema.EMBEDDING]))
    if held.num_rows < MAX_IMAGES:
        return None
    chosen = np.random.default_rng(0).permutation(held.num_rows)[:MAX_IMAGES]
    return schema.embeddings(held.take(np.sort(chosen))[schema.EMBEDDING])


def _embed(signature: Any, root: Path, paths: Sequence[str]) -> np.ndarray:
    """Computes embeddings float32 [N, D] of the files that the model can read; else [0, 0]."""
    import tensorflow as tf

    limit = decode_config.Limits().max_bytes
    contents = [user_files.read(str(root), path, limit) for path in paths]
    encoded = [content for content in contents if isinstance(content, bytes)]
    parts = []
    for start in range(0, len(encoded), _BATCH_SIZE):
        answer = signature(image_bytes=tf.constant(encoded[start : start + _BATCH_SIZE]))
        vectors = answer["embedding"].numpy()
        parts.append(vectors[answer["valid"].numpy()] if "valid" in answer else vectors)
    return np.concatenate(parts) if parts else np.zeros([0, 0], np.float32)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare(json.load(sys.stdin))) + "\n")
