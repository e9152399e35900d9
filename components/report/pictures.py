"""Draws test images as the model sees them, with their heat maps.

An image is shown upright and resized, as the model gets it, so that the heat map fits it.
Dimension letters: B batch, S side in pixels.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from PIL import Image

from components.trainer.network import gradcam
from data import pages, progress
from data.examples import lookup
from data.graph import decoding
from data.images import image_reading

BATCH = 32
TASK = "drawing heat maps"


class Picture(NamedTuple):
    """An image, without and with its Grad-CAM heat map, as data URIs; empty where there is none."""

    image: str = ""
    overlay: str = ""


EMPTY = Picture()


def draw(
    explainer: gradcam.Explainer | None,
    contract: Mapping[str, Any],
    files: Sequence[str],
    paths: Collection[str],
) -> dict[str, Picture]:
    """Draws images and their heat maps.

    Args:
      explainer: the explainer of the trained classifier, with which the release gate compares the
        exported one; None: images without heat maps.
      contract: that model's contract.
      files: shards of image records.
      paths: the images to draw, by image/filename.

    Returns:
      Path → its picture. Images that the model cannot read or that no shard has are left out.
    """
    reading = image_reading.Reading.from_dict(contract)
    # The gate's graph, which is already traced where both steps run in one process.
    read = decoding.batch_reader(contract["image_size_px"], contract["resize"], reading)
    drawn = {}
    task = progress.start(TASK, total=len(paths))
    rows = lookup.by_path(files, paths)
    while held := list(itertools.islice(rows, BATCH)):
        names, encoded = zip(*held, strict=True)
        pixels, refused = (value.numpy() for value in read(tf.constant(encoded)))
        heat = [gradcam.overlay(pixels, explainer.heatmap(pixels))] if explainer else []
        for name, reason, *shown in zip(names, refused, pixels, *heat, strict=True):
            if not reason:
                drawn[name] = Picture(*(pages.data_uri(Image.fromarray(one)) for one in shown))
        task.advance(len(names))
    return drawn
