"""Draws what a model answers into copies of the user's images."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from components.predict.user_files import attachments
from data.files import atomic
from data.images import decode, decoder_pool, decoder_process
from tasks.facets import judging
from tasks.predictions import schema

SUFFIX = ".png"


def write(
    folder: Path,
    parts: Sequence[str],
    answers: judging.Answers,
    decoders: decoder_pool.DecoderPool,
) -> tuple[int, int]:
    """Writes a picture for each image with an answer, at its path below a folder.

    Args:
      folder: is made; images of one name in two folders have two pictures.
      parts: the Parquet files with the answers.
      answers: the task's.
      decoders: read the images again, by their paths from here.

    Returns:
      The number of pictures, and of images that could not be read any more.
    """
    found = schema.read_schema(parts[0])
    labels, about = schema.labels_of(found), schema.about_of(found)
    names = (schema.PATH, schema.VALID, *answers.answer)
    written = lost = 0
    for batch in schema.read_batches(parts, names, rows=64):
        rows = {os.fsdecode(row[schema.PATH]): row for row in batch.to_pylist()}
        asked = [decoder_process.Request(path) for path, row in rows.items() if row[schema.VALID]]
        for request, answer in decoders.decode(asked):
            row, result = rows[request.path], answer.result
            if isinstance(result, decode.Rejection):
                lost += 1
                continue
            with Image.open(io.BytesIO(result.encoded), formats=decode.formats()) as image:
                picture = np.asarray(image.convert("RGB"))
            drawn = Image.fromarray(answers.drawn(picture, row, labels, about))
            target = folder / f"{attachments.below(row[schema.PATH])}{SUFFIX}"
            with atomic.replacing(target) as path:
                drawn.save(path, "PNG")
            written += 1
    return written, lost
