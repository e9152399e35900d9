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
# Around a part that is shown on its own, as a share of its sides.
CROP_MARGIN = 0.2
TASK = "drawing images"


class Picture(NamedTuple):
    """A test image as data URIs; empty where there is none.

    Attributes:
      image: without a heat map.
      overlay: with the heat map of the most probable class.
      of: name of a class → with its heat map; of images that show single classes.
      crops: parts of it, in the order in which they were chosen; empty for one outside of the square.
    """

    image: str = ""
    overlay: str = ""
    of: Mapping[str, str] = MappingProxyType({})
    crops: Sequence[str] = ()

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
        # A label that the model does not know yet has no heat map.
        asked = [[one for one in chosen.explained(name) if one in places] for name in names]
        whole = np.array([not chosen.explained(name) for name in names])
        of_label: list[dict[str, str]] = [{} for _ in names]
        overlays = iter(pixels[:0])
        if explainer:
            of_label = _of_labels(explainer, pixels, asked, places)
            overlays = iter(gradcam.overlay(pixels[whole], explainer.heatmap(pixels[whole])))
        for index, (name, plain) in enumerate(zip(names, pixels, strict=True)):
            overlay = _uri(next(overlays)) if explainer and whole[index] else ""
            if not refused[index]:
                parts_of = [_crop(plain, one, contract["resize"]) for one in chosen.crops(name)]
                drawn[name] = Picture(_uri(plain), overlay, of_label[index], parts_of)
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


def _crop(pixels: np.ndarray, crop: parts.Crop, resize: decoding.ResizeMode) -> str:
    """Cuts a part and its surroundings out of a square picture; empty where nothing of it is seen."""
    side = len(pixels)
    scale, offset = (
        value.numpy()[0] for value in decoding.square_map(tf.constant([crop.size]), resize, side)
    )
    box = (np.array(crop.corners) / np.tile(crop.size, 2) * scale + offset) * side
    around = np.tile(np.maximum(CROP_MARGIN * (box[2:] - box[:2]), 1), 2) * [-1, -1, 1, 1]
    top, left, bottom, right = np.clip(np.round(box + around), 0, side).astype(int)
    return _uri(pixels[top:bottom, left:right]) if top < bottom and left < right else ""


def _uri(pixels: np.ndarray) -> str:
    return pages.data_uri(Image.fromarray(pixels))
