"""Draws test images as the model sees them, with their heat maps.

An image is shown upright and resized, as the model gets it, so that the heat map fits it.
Dimension letters: B batch, S side in pixels.
"""

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from components.trainer.network import gradcam
from data import pages, progress
from data.examples import lookup
from data.graph import decoding
from data.images import image_reading
from tasks.pages import parts

BATCH = 32
TASK = "drawing heat maps"


class Picture(NamedTuple):
    """A test image as data URIs; empty where there is none.

    Attributes:
      image: without a heat map.
      overlay: with the heat map of the most probable class.
      of: name of a class → with its heat map; of images that show single classes.
    """

    image: str = ""
    overlay: str = ""
    of: Mapping[str, str] = MappingProxyType({})

    @property
    def has_heat(self) -> bool:
        """Returns true where there is any heat map."""
        return bool(self.overlay or self.of)


EMPTY = Picture()


def draw(
    explainer: gradcam.Explainer | None,
    contract: Mapping[str, Any],
    files: Sequence[str],
    chosen: parts.Chosen,
) -> dict[str, Picture]:
    """Draws images and their heat maps.

    Args:
      explainer: the explainer of the trained classifier, with which the release gate compares the
        exported one; None: images without heat maps.
      contract: that model's contract.
      files: shards of image records.
      chosen: the images to draw.

    Returns:
      Path → its picture. Images that the model cannot read or that no shard has are left out.
    """
    reading = image_reading.Reading.from_dict(contract)
    # The gate's graph, which is already traced where both steps run in one process.
    read = decoding.batch_reader(contract["image_size_px"], contract["resize"], reading)
    places = {name: place for place, name in enumerate(contract["labels"])}
    drawn, paths = {}, chosen.paths()
    task = progress.start(TASK, total=len(paths))
    rows = lookup.by_path(files, paths)
    while held := list(itertools.islice(rows, BATCH)):
        names, encoded = zip(*held, strict=True)
        pixels, refused = (value.numpy() for value in read(tf.constant(encoded)))
        if explainer is None:
            for name, plain, reason in zip(names, pixels, refused, strict=True):
                if not reason:
                    drawn[name] = Picture(_uri(plain))
            task.advance(len(names))
            continue
        # A label that the model does not know yet has no heat map.
        asked = [[one for one in chosen.explained(name) if one in places] for name in names]
        of_label = _of_labels(explainer, pixels, asked, places)
        whole = np.array([not chosen.explained(name) for name in names])
        overlays = iter(gradcam.overlay(pixels[whole], explainer.heatmap(pixels[whole])))
        for index, (name, plain) in enumerate(zip(names, pixels, strict=True)):
            overlay = _uri(next(overlays)) if whole[index] else ""
            if not refused[index]:
                drawn[name] = Picture(_uri(plain), overlay, of_label[index])
        task.advance(len(names))
    return drawn


def _of_labels(
    explainer: gradcam.Explainer,
    pixels: np.ndarray,
    asked: Sequence[Sequence[str]],
    places: Mapping[str, int],
) -> list[dict[str, str]]:
    """Draws the heat maps of labels: for each image label → data URI."""
    pairs = [(index, name) for index, names in enumerate(asked) for name in names]
    found: list[dict[str, str]] = [{} for _ in asked]
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        shown = pixels[[index for index, _ in some]]
        heat = explainer.heatmap(shown, np.array([places[name] for _, name in some], np.int64))
        for (index, name), overlay in zip(some, gradcam.overlay(shown, heat), strict=True):
            found[index][name] = _uri(overlay)
    return found


def _uri(pixels: np.ndarray) -> str:
    return pages.data_uri(Image.fromarray(pixels))
