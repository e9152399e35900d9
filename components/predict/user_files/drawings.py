"""Draws what a model answers into copies of the user's images."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from components.predict.user_files import attachments
from data.files import atomic
from data.images import decode
from tasks.facets import judging
from tasks.predictions import schema

SUFFIX = ".png"


def write(folder: Path, parts: Sequence[str], answers: judging.Answers) -> tuple[int, int]:
    """Writes a picture for each image with an answer, at its path below a folder.

    Args:
      folder: is made; images of one name in two folders have two pictures.
      parts: the Parquet files with the answers.
      answers: the task's.

    Returns:
      The number of pictures, and of images that could not be read any more.
    """
    found = schema.read_schema(parts[0])
    labels, about = schema.labels_of(found), schema.about_of(found)
    names = (schema.PATH, schema.VALID, *answers.answer)
    written = lost = 0
    for batch in schema.read_batches(parts, names, rows=64):
        for row in batch.to_pylist():
            if not row[schema.VALID]:
                continue
            picture = _upright(os.fsdecode(row[schema.PATH]))
            if picture is None:
                lost += 1
                continue
            drawn = Image.fromarray(answers.drawn(picture, row, labels, about))
            with atomic.replacing(
                folder / f"{attachments.below(row[schema.PATH])}{SUFFIX}"
            ) as path:
                drawn.save(path, "PNG")
            written += 1
    return written, lost


def _upright(path: str) -> np.ndarray | None:
    """Reads an image that a decoder of its own process has read before: uint8 [H, W, 3], or None."""
    try:
        content = Path(path).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > decode.MAX_PIXELS:
                return None
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
