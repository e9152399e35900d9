"""The interface of a backbone: everything the pipeline knows of one. Imports no Keras.

The settings read the names of the backbones at once, so a module in ``families/`` imports Keras
only inside its functions.

Dimension letters: B batch, S side in pixels, h w F the feature map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.trainer.backbones import preprocessing

if TYPE_CHECKING:
    import keras

DOWNLOAD = "download"
SMALLEST_SIZE_PX = 32


class DownloadError(Exception):
    """Failure to download weights."""


@dataclass(frozen=True)
class Backbone:
    """A network that computes the features of an image.

    Attributes:
      build: side S in pixels → a model from inputs float32 [B, S, S, 3] to features
        float32 [B, h, w, F], with random weights. It has no dropout: a frozen backbone computes
        the same features whatever the ``training`` argument is, once its BatchNorm layers are
        frozen one by one, as model.freeze does.
      preprocessing: conversion of pixels to inputs.
      block_ends: name of the layer that ends each block, from the bottom up; the last one is the
        last layer of the backbone. All paths pass through each of them. A network is frozen or
        unfrozen between blocks only.
      default_size_px: side at which the ImageNet weights were trained, or a reasonable one.
      parameters: number of parameters of the backbone, BatchNorm's statistics included.
      imagenet: the package that contains the ImageNet weights; :data:`DOWNLOAD` if
        keras.applications fetches them; None if there are none, because the network is meant to be
        trained from scratch.
      load_imagenet: loads ImageNet weights into a built model; None if there are none.
      licence: licence of the ImageNet weights; empty if there are none.
      smallest_size_px: smallest side that it can be built for.
    """

    build: Callable[[int], "keras.Model"]
    preprocessing: preprocessing.Preprocessing
    block_ends: tuple[str, ...]
    default_size_px: int
    parameters: int
    imagenet: str | None = None
    load_imagenet: Callable[["keras.Model"], None] | None = None
    licence: str = ""
    smallest_size_px: int = SMALLEST_SIZE_PX

    def preprocess(self, pixels: Any) -> Any:
        """Maps pixels [B, S, S, 3], uint8 or float32 0–255, RGB, to inputs float32 [B, S, S, 3].

        The layer whose output is ``inputs`` is called "preprocessing".
        """
        return self.preprocessing(pixels)

    @property
    def is_pretrained(self) -> bool:
        """Returns true where there are ImageNet weights."""
        return self.imagenet is not None

    @property
    def package(self) -> str | None:
        """Names the package that contains the ImageNet weights; None if no package does."""
        return None if self.imagenet == DOWNLOAD else self.imagenet

    @property
    def grad_cam_layer(self) -> str:
        """Names the layer whose map explains a prediction: the last, which the head averages.

        Its gradient is then the same at every position, and Grad-CAM equals the class activation
        map. Source: Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391, section 3.1.
        """
        return self.block_ends[-1]
