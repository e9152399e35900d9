"""Draws masks in colours, and where an answer is wrong. Dimension letters: H W mask, S side."""

import numpy as np
import tensorflow as tf
from PIL import Image

from data import pages
from data.graph import decoding, mask_geometry
from data.masks import VOID
from tasks.segmentation.panels import colours

SIDE_PX = 192
RIGHT, WRONG = (235, 240, 235), (214, 39, 40)


def square(mask: np.ndarray, resize: decoding.ResizeMode) -> np.ndarray:
    """Resizes a mask [H, W] as the model sees its image, uint8 [S, S] for S of SIDE_PX."""
    return mask_geometry.resize_mask(tf.constant(mask), SIDE_PX, resize).numpy()  # type: ignore[no-any-return]


def coloured(mask: np.ndarray, count: int) -> str:
    """Draws a mask uint8 [S, S] of K classes as a data URI."""
    return pages.drawn_uri(Image.fromarray(colours.palette(count)[mask]))


def cut_out(mask: np.ndarray, count: int) -> str:
    """Draws a mask uint8 [S, S] of K classes as a data URI that is transparent at void."""
    opacity = np.where(mask == VOID, 0, 255).astype(np.uint8)
    return pages.drawn_uri(Image.fromarray(np.dstack([colours.palette(count)[mask], opacity])))


def errors(truth: np.ndarray, mask: np.ndarray) -> str:
    """Draws where a mask is wrong, as a data URI: red; void is grey."""
    picture = np.where(
        (truth == mask)[..., None], np.array(RIGHT, np.uint8), np.array(WRONG, np.uint8)
    )
    picture[truth == VOID] = colours.VOID
    return pages.drawn_uri(Image.fromarray(picture.astype(np.uint8)))
