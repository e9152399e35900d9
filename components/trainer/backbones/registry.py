"""Registry of the backbones, with the preprocessing, block ends and weights of each.

To add one of keras.applications, write an entry in REGISTRY, the names of its block ends in
block_ends.py and a line in names.py. Any other also needs a builder from normalised inputs to a
feature map. The tests in tests/components/trainer/backbones run over every entry.

Dimension letters: B batch, S side in pixels, h w F the feature map.
"""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from components.trainer.backbones import (
    applications,
    block_ends,
    cnn,
    efficientnet_lite,
    preprocessing,
    torch_weights,
)
from components.trainer.backbones import weights as backbone_weights
from data import errors


@dataclass(frozen=True)
class Backbone:
    """Entry of the registry.

    Attributes:
      build: side S in pixels → a model from inputs float32 [B, S, S, 3] to features
        float32 [B, h, w, F], with random weights. It has no dropout: a frozen backbone computes
        the same features whatever the ``training`` argument is, once its BatchNorm layers are
        frozen one by one, as model.freeze does.
      preprocessing: conversion of pixels to inputs.
      block_ends: name of the layer that ends each block, from the bottom up; the last one is the
        last layer of the backbone. All paths pass through each of them. A network is frozen or
        unfrozen between blocks only.
      load_imagenet: loads ImageNet weights into a built model; None if there are none.
      default_size_px: side at which the ImageNet weights were trained, or a reasonable one.
      parameters: number of parameters of the backbone, BatchNorm's statistics included.
      licence: licence of the ImageNet weights; empty if there are none.
      smallest_size_px: smallest side that it can be built for.
    """

    build: Callable[[int], keras.Model]
    preprocessing: preprocessing.Preprocessing
    block_ends: tuple[str, ...]
    load_imagenet: Callable[[keras.Model], None] | None
    default_size_px: int
    parameters: int
    licence: str
    smallest_size_px: int = applications.SMALLEST_SIZE_PX

    def preprocess(self, pixels: Any) -> Any:
        """Maps pixels [B, S, S, 3], uint8 or float32 0–255, RGB, to inputs float32 [B, S, S, 3].

        The layer whose output is ``inputs`` is called "preprocessing".
        """
        return self.preprocessing(pixels)

    @property
    def grad_cam_layer(self) -> str:
        """Names the layer whose map explains a prediction: the last, which the head averages.

        Its gradient is then the same at every position, and Grad-CAM equals the class activation
        map. Source: Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391, section 3.1.
        """
        return self.block_ends[-1]


def _lite(name: str, default_size_px: int, parameters: int) -> Backbone:
    return Backbone(
        build=functools.partial(efficientnet_lite.build, name),
        preprocessing=preprocessing.LITE,
        block_ends=efficientnet_lite.block_ends(name),
        load_imagenet=functools.partial(efficientnet_lite.load_imagenet, name),
        default_size_px=default_size_px,
        parameters=parameters,
        licence="Apache-2.0",
        smallest_size_px=16,
    )


def _application(
    application: Callable[..., keras.Model],
    preprocessing: preprocessing.Preprocessing,
    block_ends: tuple[str, ...],
    parameters: int,
    licence: str = "Apache-2.0",
    default_size_px: int = 224,
) -> Backbone:
    return Backbone(
        build=functools.partial(applications.build, application),
        preprocessing=preprocessing,
        block_ends=block_ends,
        load_imagenet=functools.partial(applications.load_imagenet, application),
        default_size_px=default_size_px,
        parameters=parameters,
        licence=licence,
    )


def _cnn(separable: bool, parameters: int) -> Backbone:
    return Backbone(
        build=functools.partial(cnn.build, separable=separable),
        preprocessing=preprocessing.TF,
        block_ends=cnn.BLOCK_ENDS,
        load_imagenet=None,
        default_size_px=64,
        parameters=parameters,
        licence="",
        smallest_size_px=16,
    )


REGISTRY: dict[str, Backbone] = {
    "efficientnet_lite0": _lite("efficientnet_lite0", 224, 3_413_024),
    "efficientnet_lite1": _lite("efficientnet_lite1", 240, 4_189_344),
    "efficientnet_lite2": _lite("efficientnet_lite2", 260, 4_869_168),
    "mobilenet_v2": _application(
        keras.applications.MobileNetV2,
        preprocessing.TF,
        block_ends.mobilenet_v2(),
        parameters=2_257_984,
    ),
    "mobilenet_v3_large": _application(
        keras.applications.MobileNetV3Large,
        preprocessing.TF,
        block_ends.mobilenet_v3({1, 3, 6, 10, 12}, blocks=15, last="activation_19"),
        parameters=2_996_352,
    ),
    "mobilenet_v3_small": _application(
        keras.applications.MobileNetV3Small,
        preprocessing.TF,
        block_ends.mobilenet_v3({0, 1, 3, 6, 8}, blocks=11, last="activation_17"),
        parameters=939_120,
    ),
    "efficientnet_b0": _application(
        keras.applications.EfficientNetB0,
        preprocessing.TORCH,
        block_ends.efficientnet((1, 2, 2, 3, 3, 4, 1)),
        parameters=4_049_564,
    ),
    "efficientnet_b4": _application(
        keras.applications.EfficientNetB4,
        preprocessing.TORCH,
        block_ends.efficientnet((2, 4, 4, 6, 6, 8, 2)),
        parameters=17_673_816,
        default_size_px=380,
    ),
    "efficientnet_v2_b0": _application(
        keras.applications.EfficientNetV2B0,
        preprocessing.TORCH,
        block_ends.efficientnet((1, 2, 2, 3, 5, 8), first="block1a_project_activation"),
        parameters=5_919_312,
    ),
    "resnet50": _application(
        keras.applications.ResNet50,
        preprocessing.CAFFE,
        block_ends.resnet((3, 4, 6, 3)),
        parameters=23_587_712,
        licence="MIT",
    ),
    "densenet121": _application(
        keras.applications.DenseNet121,
        preprocessing.TORCH,
        block_ends.densenet((6, 12, 24, 16)),
        parameters=7_037_504,
        licence="BSD-3-Clause",
    ),
    "convnext_tiny": _application(
        keras.applications.ConvNeXtTiny,
        preprocessing.TORCH,
        block_ends.convnext(blocks=18),
        parameters=27_820_128,
        licence="MIT",
    ),
    "cnn": _cnn(separable=False, parameters=140_384),
    "cnn_separable": _cnn(separable=True, parameters=19_232),
}


def build(name: str, size_px: int, weights: str) -> keras.Model:
    """Builds a backbone with its weights.

    Args:
      name: a key of REGISTRY.
      size_px: the side S of the input.
      weights: "imagenet", "random", or the path of a Keras ``.weights.h5`` file.

    Raises:
      errors.ConfigError: the size is too small, or the weights are not available; the message names
        the alternatives.
    """
    entry = REGISTRY[name]
    if size_px < entry.smallest_size_px:
        raise errors.ConfigError(
            f"{name} takes images of {entry.smallest_size_px} px or more, not {size_px} px."
        )
    backbone_weights.check(name, weights)
    backbone = entry.build(size_px)
    try:
        if weights == "imagenet" and entry.load_imagenet:
            entry.load_imagenet(backbone)
        elif weights != "random":
            with warnings.catch_warnings():
                # Keras only warns of layers without weights in the file; they would stay random.
                warnings.simplefilter("error", UserWarning)
                backbone.load_weights(Path(weights))
    except applications.DownloadError as error:
        packaged = ", ".join(backbone_weights.PACKAGES)
        raise errors.ConfigError(
            f"The ImageNet weights of {name} cannot be downloaded ({error}): give --train.weights"
            " FILE.weights.h5 or --train.weights random, or a --train.backbone whose weights come"
            f" with a package ({packaged})."
        ) from error
    except (OSError, ValueError, UserWarning, torch_weights.WeightsFileError) as error:
        reason = str(error).split(". ")[0]  # Keras then lists every layer
        raise errors.ConfigError(
            f"The {weights} weights of {name} cannot be loaded: {reason}. --train.weights takes"
            f" {backbone_weights.allowed(name)}."
        ) from error
    return backbone
