"""The list of all images of an Examples artifact, without their bytes.

One file a shard, in the order of its records; :mod:`data.examples.examples_artifact` has its path.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from data.files import read_back, read_lines
from data.images import decode, decoder_process


class _Place(NamedTuple):
    path: str
    labels: list
    split: str
    shard: int
    sha256: str
    span: int


class Image(NamedTuple):
    """One image.

    Attributes:
      path: relative to the data folder.
      labels: the names of its classes.
      split: "train", "eval" or "test".
      shard: the index of its shard in the split.
      sha256: of the file's bytes, in hex.
      span: the number of its span; None where there are no spans.
      info: its decoded properties.
      mask: the name of its converted mask, see data/masks/mask_store.py; empty if it has none.
      boxes: its objects as they are given, see data/splits/folder.py; empty without boxes.
    """

    path: str
    labels: tuple[str, ...]
    split: str
    shard: int
    sha256: str
    span: int | None
    info: decode.ImageInfo
    mask: str = ""
    boxes: str = ""

    @property
    def place(self) -> tuple[str, int, str, str]:
        """Sorts images into the order of their records."""
        return self.split, self.shard, self.sha256, self.path


def write_shard(path: str, images: Iterable[Image]) -> None:
    """Writes the list of one shard, in the order of its records."""
    tf.io.gfile.makedirs(os.path.dirname(path))
    lines = [
        json.dumps(image if image.mask or image.boxes else image[:-2])
        for image in sorted(images, key=lambda image: image.place)
    ]
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("".join(line + "\n" for line in lines))


def read_shard(path: str) -> list[Image]:
    """Reads what :func:`write_shard` wrote.

    Raises:
      errors.DataError: it is damaged.
    """
    what = "list of images"
    limit = read_back.MAX_LIST_BYTES
    # A shard without an image has an empty list.
    text = read_back.text(path, what, read_back.STEP_AGAIN, limit, may_be_empty=True)
    return [
        read_back.from_json(line, f"{what} {path}", _image, read_back.STEP_AGAIN)
        for line in text.splitlines()
    ]


def _image(found: Sequence[Any]) -> Image:
    path, labels, split, shard, sha256, span, info, *more = found
    read_lines.typed(_Place, [path, labels, split, shard, sha256, span or 0])
    if not all(type(label) is str for label in labels):
        raise TypeError(f"{labels!r:.100} are no labels")
    image = decoder_process.info_from_json(info)
    mask, boxes = map(str, more or ("", ""))
    return Image(path, tuple(labels), split, shard, sha256, span, image, mask, boxes)
