"""The backbones that a model can stand on, and what each needs to be used rightly.

To add one: write a builder from normalised inputs to a feature map, add an entry to REGISTRY
and the name to names.BACKBONES; the battery of tests in tests/components/trainer/backbones runs
over every entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from components.trainer.backbones import efficientnet_lite, torch_weights
from data import errors


@dataclass(frozen=True)
class Backbone:
    """One entry of the registry.

    Attributes:
      build: side in pixels → a model from inputs [B, S, S, 3] to features [B, h, w, F].
      scale, offset: its own preprocessing, inputs = pixels · scale + offset.
      block_ends: the layer that ends each block, from the bottom up; a network is frozen or
        unfrozen between blocks only.
      load_imagenet: fills a built model with ImageNet weights.
      licence: of the weights.
    """

    build: Callable[[int], keras.Model]
    scale: float
    offset: float
    block_ends: tuple[str, ...]
    load_imagenet: Callable[[keras.Model], None]
    licence: str


def _lite_block_ends() -> tuple[str, ...]:
    ends, index = ["stem_relu"], 0
    for stage in efficientnet_lite.STAGES:
        for repeat in range(stage.repeats):
            ends.append(f"block{index}_add" if repeat else f"block{index}_project_bn")
            index += 1
    return (*ends, "head_relu")


REGISTRY: dict[str, Backbone] = {
    "efficientnet_lite0": Backbone(
        build=efficientnet_lite.build,
        scale=1 / 128,
        offset=-127 / 128,
        block_ends=_lite_block_ends(),
        load_imagenet=efficientnet_lite.load_imagenet,
        licence="Apache-2.0",
    ),
}


def build(name: str, size_px: int, weights: str) -> keras.Model:
    """Builds a backbone with its weights.

    Args:
      name: a key of REGISTRY.
      size_px: the side S of the input.
      weights: "imagenet", "random", or the path of a Keras ``.weights.h5`` file.

    Raises:
      errors.ConfigError: the weights cannot be had; the message names the alternatives.
    """
    backbone = REGISTRY[name].build(size_px)
    try:
        if weights == "imagenet":
            REGISTRY[name].load_imagenet(backbone)
        elif weights != "random":
            backbone.load_weights(Path(weights))
    except (OSError, ValueError, torch_weights.WeightsFileError) as error:
        raise errors.ConfigError(
            f"The {weights} weights of {name} cannot be loaded: {error}. --train.weights takes"
            " imagenet, random or a .weights.h5 file."
        ) from error
    return backbone
