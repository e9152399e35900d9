"""Asks the served model how far two samples are apart: ``python -m pipeline.scheduled.embedding``.

On stdin a JSON object: ``model``, the folder with saved_model.pb; ``root``, and ``new`` and
``old``, paths below it. The last line on stdout: ``discrepancy`` and ``chance`` of the maximum
mean discrepancy, or null where too few images can be read. Dimension letters: N images, D features.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data import decode, drift, files

MAX_IMAGES = 128  # of each sample; the test's cost grows with the square
_BATCH_SIZE = 32


def compare(question: dict[str, Any]) -> dict[str, float] | None:
    """Answers one question, see the module."""
    import tensorflow as tf

    signature = tf.saved_model.load(question["model"]).signatures["embed"]
    random = np.random.default_rng(0)
    parts = []
    for name in ("new", "old"):
        paths = question[name]
        chosen = random.permutation(len(paths))[:MAX_IMAGES].tolist()
        parts.append(_embed(signature, Path(question["root"]), [paths[place] for place in chosen]))
    if min(len(part) for part in parts) < 2:
        return None
    discrepancy, chance = drift.maximum_mean_discrepancy(parts[0], parts[1], random)
    return {"discrepancy": discrepancy, "chance": chance}


def _embed(signature: Any, root: Path, paths: Sequence[str]) -> np.ndarray:
    """Embeddings float32 [N, D] of the files that the model can read; [0, 0] of none."""
    import tensorflow as tf

    limit = decode.Limits().max_bytes
    contents = [files.read(str(root), path, limit) for path in paths]
    encoded = [content for content in contents if isinstance(content, bytes)]
    parts = []
    for start in range(0, len(encoded), _BATCH_SIZE):
        answer = signature(image_bytes=tf.constant(encoded[start : start + _BATCH_SIZE]))
        vectors = answer["embedding"].numpy()
        parts.append(vectors[answer["valid"].numpy()] if "valid" in answer else vectors)
    return np.concatenate(parts) if parts else np.zeros([0, 0], np.float32)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare(json.load(sys.stdin))) + "\n")
