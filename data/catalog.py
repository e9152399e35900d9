"""The list of all images of an Examples artifact, without their bytes: ``images.jsonl``.

In the order of the records: by split, shard and place within the shard.
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator

import tensorflow as tf

from data import decode, decoder

FILE = "images.jsonl"


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
      path: relative to the data folder.
      class_name: its class.
      split: "train", "eval" or "test".
      shard: the index of its shard in the split.
      sha256: of the file's bytes, in hex.
      span: the number of its span; None where there are no spans.
      info: what is known of it.
    """

    path: str
    class_name: str
    split: str
    shard: int
    sha256: str
    span: int | None
    info: decode.ImageInfo

    @property
    def place(self) -> tuple[str, int, str, str]:
        """Sorts images into the order of their records."""
        return self.split, self.shard, self.sha256, self.path


def write(uri: str, images: Iterable[Image]) -> None:
    """Writes the list into an artifact, in the order of the records."""
    with tf.io.gfile.GFile(os.path.join(uri, FILE), "w") as file:
        for image in sorted(images, key=lambda image: image.place):
            head = [getattr(image, name) for name in _FIELDS]
            file.write(json.dumps([*head, decoder.info_to_dict(image.info)]) + "\n")


def read(uri: str) -> Iterator[Image]:
    """Reads what :func:`write` wrote, image by image."""
    with tf.io.gfile.GFile(os.path.join(uri, FILE)) as file:
        for line in file:
            *head, info = json.loads(line)
            named = dict(zip(_FIELDS, head, strict=True))
            yield Image(info=decoder.info_from_dict(info), **named)


_FIELDS = [field.name for field in dataclasses.fields(Image) if field.name != "info"]
