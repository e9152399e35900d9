"""Draws masks in colours, and where an answer is wrong. Dimension letters: H W mask, S side."""

import colorsys

import numpy as np
import tensorflow as tf
from PIL import Image

from data import pages
from data.graph import decoding
from data.masks import VOID

SIDE_PX = 192
VOID_COLOUR = (128, 128, 128)
RIGHT, WRONG = (235, 240, 235), (214, 39, 40)


def palette(count: int) -> np.ndarray:
    """Returns uint8 [256, 3]: a colour for each of K classes, told apart by hue and lightness.

    Hues are a golden angle apart, so that neighbouring numbers differ most.
    """
    table = np.full([256, 3], VOID_COLOUR, np.uint8)
    for number in range(count):
        hue = (number * 0.618034) % 1
        lightness = (0.45, 0.62, 0.35)[number % 3]
        table[number] = [round(255 * one) for one in colorsys.hls_to_rgb(hue, lightness, 0.65)]
    return table


def css(count: int) -> list[str]:
    """Returns the colours of K classes as CSS has them."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in palette(count)[:count]]


def square(mask: np.ndarray, resize: decoding.ResizeMode) -> np.ndarray:
    """Resizes a mask [H, W] as the model sees its image, uint8 [S, S] for S of SIDE_PX."""
    return decoding.resize_mask(tf.constant(mask), SIDE_PX, resize).numpy()  # type: ignore[no-any-return]


def coloured(mask: np.ndarray, count: int) -> str:
    """Draws a mask uint8 [S, S] of K classes as a data URI."""
    return pages.data_uri(Image.fromarray(palette(count)[mask]))


def errors(truth: np.ndarray, mask: np.ndarray) -> str:
    """Draws where a mask is wrong, as a data URI: red; void is grey."""
    picture = np.where((truth == mask)[..., None], np.uint8(RIGHT), np.uint8(WRONG))
    picture[truth == VOID] = VOID_COLOUR
    return pages.data_uri(Image.fromarray(picture.astype(np.uint8)))
