"""Arithmetic of layers: output sizes, parameters, multiply-adds, receptive fields.

With kernel K, stride S, padding P, side W and channels C:

    output size       floor((W − K + 2P) / S) + 1; 2P is the padding of both sides together, which
                      TensorFlow's "same" makes uneven: max((ceil(W / S) − 1) · S + K − W, 0)
    convolution       K² · C_in · C_out parameters, + C_out with a bias; as many multiply-adds,
                      bias left out, at each place of the output
    depthwise         K² · C parameters, + C with a bias
    receptive field   r + (K − 1) · j, where j, the jump, is the product of the strides so far
                      (Araujo et al., 2019, https://distill.pub/2019/computing-receptive-fields)
    saving            of depthwise K×K and pointwise to N channels against a full convolution:
                      K² · N / (K² + N) (Howard et al., 2017, https://arxiv.org/abs/1704.04861)

Images, maps and kernels are square.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras import layers


@dataclass(frozen=True)
class Map:
    """Output map of a layer, for one image.

    Attributes:
      size: the side W; 1 for a vector.
      channels: C.
      receptive_field: side, in pixels of the image, of the region that one position depends on.
      jump: distance in the image between the receptive fields of neighbouring positions.
      image: side of the image.
      pending: for a depthwise convolution's output, up to the pointwise one after it: its row, and
        the multiply-adds of one filter of the full convolution.
    """

    size: int
    channels: int
    receptive_field: int
    jump: int
    image: int
    pending: tuple[int, int] | None = None


@dataclass(frozen=True)
class Step:
    """Output and cost of a layer.

    Attributes:
      output: its map.
      parameters: number of parameters, trainable or not.
      multiply_adds: for one image.
      window: (K, S, 2P) of a convolution or pooling.
      filter_adds: for a depthwise convolution, the multiply-adds of one filter of the full one.
      is_pointwise: whether it mixes channels position by position.
    """

    output: Map
    parameters: int = 0
    multiply_adds: int = 0
    window: tuple[int, int, int] | None = None
    filter_adds: int | None = None
    is_pointwise: bool = False


def _slide(image: Map, kernel: int, stride: int, padding: str | int) -> tuple[Map, int]:
    """Computes the map after a sliding window, with the same channels, and 2P."""
    if padding == "same":
        both = max((-(-image.size // stride) - 1) * stride + kernel - image.size, 0)
    else:
        both = 0 if padding == "valid" else int(padding)
    slid = replace(
        image,
        size=(image.size - kernel + both) // stride + 1,
        receptive_field=image.receptive_field + (kernel - 1) * image.jump,
        jump=image.jump * stride,
        pending=None,
    )
    return slid, both


def _square(layer: layers.Layer, values: Sequence[int]) -> int:
    if len(set(values)) != 1:
        raise ValueError(f"{layer.name}: {tuple(values)} is not square")
    return values[0]


def _filtered(layer: layers.Layer, image: Map) -> tuple[int, Map, tuple[int, int, int]]:
    """Computes a convolution's kernel K, the map after it with the same channels, its window."""
    kernel, stride = _square(layer, layer.kernel_size), _square(layer, layer.strides)
    reach = (kernel - 1) * _square(layer, layer.dilation_rate) + 1
    slid, both = _slide(image, reach, stride, layer.padding)
    return kernel, slid, (kernel, stride, both)


@functools.singledispatch
def step(operation: Any, inputs: list[Map]) -> Step:
    """Computes the output and cost of an operation.

    Args:
      operation: a layer, or an operation of ``keras.ops``, which works position by position.
      inputs: its input maps, one or more.

    Raises:
      ValueError: there is no formula for such a layer.
    """
    kind = type(operation).__name__
    if kind == "LayerScale":  # ConvNeXt's, which Keras does not export
        return Step(inputs[0], parameters=inputs[0].channels)
    if isinstance(operation, layers.Layer):
        raise ValueError(f"{operation.name}: there is no formula for a {kind}")
    return _place_by_place(operation, inputs)


@step.register(layers.Activation)
@step.register(layers.Add)
@step.register(layers.Average)
@step.register(layers.Dropout)
@step.register(layers.Maximum)
@step.register(layers.Multiply)
@step.register(layers.ReLU)
@step.register(layers.Rescaling)
def _place_by_place(operation: Any, inputs: list[Map]) -> Step:
    """Computes activations, sums and products, whose receptive field is the inputs' largest."""
    largest = max(inputs, key=lambda image: image.size)
    output = replace(
        largest,
        channels=max(image.channels for image in inputs),
        receptive_field=max(image.receptive_field for image in inputs),
    )
    return Step(output)


@step.register(layers.Conv2D)
def _convolution(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    kernel, slid, window = _filtered(layer, image)
    filter_adds = slid.size**2 * kernel**2 * image.channels
    adds = filter_adds // layer.groups * layer.filters
    weights = kernel**2 * image.channels // layer.groups * layer.filters
    return Step(
        replace(slid, channels=layer.filters),
        parameters=weights + layer.use_bias * layer.filters,
        multiply_adds=adds,
        window=window,
        filter_adds=filter_adds if 1 < layer.groups == image.channels else None,
        is_pointwise=kernel == 1 and layer.groups == 1,
    )


@step.register(layers.DepthwiseConv2D)
def _depthwise(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    kernel, slid, window = _filtered(layer, image)
    channels = image.channels * layer.depth_multiplier
    return Step(
        replace(slid, channels=channels),
        parameters=kernel**2 * channels + layer.use_bias * channels,
        multiply_adds=slid.size**2 * kernel**2 * channels,
        window=window,
        filter_adds=slid.size**2 * kernel**2 * image.channels,
    )


@step.register(layers.SeparableConv2D)
def _separable(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    kernel, slid, window = _filtered(layer, image)
    between = image.channels * layer.depth_multiplier
    weights = kernel**2 * between + between * layer.filters
    return Step(
        replace(slid, channels=layer.filters),
        parameters=weights + layer.use_bias * layer.filters,
        multiply_adds=slid.size**2 * weights,
        window=window,
        filter_adds=slid.size**2 * kernel**2 * image.channels,
    )


@step.register(layers.Dense)
def _dense(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    weights = image.channels * layer.units
    return Step(
        replace(image, channels=layer.units, pending=None),
        parameters=weights + layer.use_bias * layer.units,
        multiply_adds=image.size**2 * weights,
        is_pointwise=True,
    )


@step.register(layers.BatchNormalization)
def _batch_norm(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    # The moving mean and variance, and the trained scale and offset.
    return Step(image, parameters=(2 + layer.scale + layer.center) * image.channels)


@step.register(layers.LayerNormalization)
def _layer_norm(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    return Step(image, parameters=(layer.scale + layer.center) * image.channels)


@step.register(layers.MaxPooling2D)
@step.register(layers.AveragePooling2D)
def _pooling(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    kernel, stride = _square(layer, layer.pool_size), _square(layer, layer.strides)
    slid, both = _slide(image, kernel, stride, layer.padding)
    return Step(slid, window=(kernel, stride, both))


@step.register(layers.ZeroPadding2D)
def _padding(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    both = _square(layer, [sum(side) for side in layer.padding])
    slid, _ = _slide(image, 1, 1, both)
    return Step(slid, window=(1, 1, both))


@step.register(layers.GlobalAveragePooling2D)
@step.register(layers.GlobalMaxPooling2D)
def _global_pooling(layer: Any, inputs: list[Map]) -> Step:
    """Computes a receptive field of the whole image, or more if that of the input is larger."""
    (image,) = inputs
    seen = max(image.receptive_field, image.image)
    jump = image.jump * image.size
    return Step(replace(image, size=1, receptive_field=seen, jump=jump, pending=None))


@step.register(layers.Concatenate)
def _concatenation(layer: Any, inputs: list[Map]) -> Step:
    seen = max(image.receptive_field for image in inputs)
    channels = sum(image.channels for image in inputs)
    return Step(replace(inputs[0], channels=channels, receptive_field=seen, pending=None))


@step.register(layers.Flatten)
def _flattening(layer: Any, inputs: list[Map]) -> Step:
    (image,) = inputs
    return Step(replace(image, size=1, channels=image.size**2 * image.channels, pending=None))


@step.register(layers.Reshape)
def _reshaping(layer: Any, inputs: list[Map]) -> Step:
    """Computes a vector's map of one position, as before an excitation."""
    (image,) = inputs
    *sides, channels = layer.target_shape
    if image.size != 1 or set(sides) - {1} or channels not in (-1, image.channels):
        raise ValueError(f"{layer.name}: {layer.target_shape} is not a map of one position")
    return Step(image)
