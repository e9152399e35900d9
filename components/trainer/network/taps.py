"""Maps of a backbone at several strides, for heads that answer about places in the image.

A backbone whose maps are read has them as further outputs, from the finest to the coarsest, before its last
one. To be cached, the maps of an image and its embedding are laid side by side in one vector.

Dimension letters: B batch, S side in pixels, h w C map, F features, n length of a vector.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

STRIDES = (1, 2, 4, 8, 16, 32)
# A map with more times the channels of the one below it is a widened one.
WIDENED = 2
Shape = tuple[int, ...]


def find(size_px: int, shapes: Mapping[str, Sequence[int]]) -> dict[int, str]:
    """Chooses the layer whose map is read at each stride: the deepest.

    A last layer that only widens the map for a classifier is passed over: four times the values in the
    cache would gain nothing.

    Args:
      size_px: the side S of the images.
      shapes: name of a layer → h, w and C of its map, from the bottom of the network up; only layers
        that all paths pass through.

    Returns:
      Stride → name of the layer, from the finest to the coarsest; powers of 2.
    """
    found: dict[int, str] = {}
    *_, last = shapes
    for name, (height, _, channels) in shapes.items():
        stride = stride_of(size_px, height)
        if stride is None:
            continue
        if name == last and stride in found and channels > WIDENED * shapes[found[stride]][-1]:
            continue
        found[stride] = name
    return dict(sorted(found.items()))


def stride_of(size_px: int, side: int) -> int | None:
    """Returns the power of 2 by which a map's side is smaller than the image's, if it is one."""
    for stride in STRIDES:
        if side in (size_px // stride, -(-size_px // stride)):
            return stride
    return None


def tapped(
    backbone: keras.Model, block_ends: Sequence[str], size_px: int, strides: Sequence[int]
) -> keras.Model:
    """Returns the backbone with its maps as further outputs; the layers are shared.

    Args:
      backbone: one output, the coarsest map.
      block_ends: the last layer of each block, from the bottom up.
      size_px: the side S.
      strides: of the maps that the head reads; others are left out.
    """
    shapes = {name: backbone.get_layer(name).output.shape[1:] for name in block_ends}
    names = [name for stride, name in find(size_px, shapes).items() if stride in strides]
    maps = [backbone.get_layer(name).output for name in names]
    return keras.Model(backbone.input, [*maps, backbone.output], name=backbone.name)


def names(backbone: keras.Model) -> list[str]:
    """Names the layers whose maps are read, from the finest to the coarsest; none without taps."""
    outputs = backbone.outputs[:-1]
    return [_layer_of(backbone, output) for output in outputs]


def _layer_of(backbone: keras.Model, output: Any) -> str:
    return str(next(layer.name for layer in backbone.layers if layer.output is output))


def called(backbone: keras.Model, inputs: Any) -> list[Any]:
    """Applies a backbone; returns its maps, if any, and last its output."""
    found = backbone(inputs)
    return list(found) if isinstance(found, list | tuple) else [found]


def features(size_px: int, maps: Sequence[Any], embedding: Any) -> dict[Any, Any]:
    """Returns what heads read: ``pooled`` [B, F], and ``maps``, stride → map [B, h, w, C]."""
    by_stride = {stride_of(size_px, one.shape[1]): one for one in maps}
    return {"pooled": embedding, **({"maps": by_stride} if maps else {})}


def packed(tensors: Sequence[Any]) -> Any:
    """Lays tensors [B, …] side by side in vectors [B, n]; a single one stays as it is."""
    if len(tensors) == 1:
        return tensors[0]
    return layers.Concatenate(name="packed")([layers.Flatten()(one) for one in tensors])


def packed_input(shapes: Sequence[Shape], name: str) -> Any:
    """Makes the input that takes what :func:`packed` makes of tensors of these shapes."""
    shape = shapes[0] if len(shapes) == 1 else (sum(map(math.prod, shapes)),)
    return keras.Input(shape, name=name)


def unpacked(vector: Any, shapes: Sequence[Shape]) -> list[Any]:
    """Returns the tensors [B, …] that :func:`packed` laid side by side."""
    if len(shapes) == 1:
        return [vector]
    found, start = [], 0
    for shape in shapes:
        end = start + math.prod(shape)
        found.append(layers.Reshape(shape)(vector[:, start:end]))
        start = end
    return found


def row_values(shapes: Sequence[Shape]) -> int:
    """Returns how many values a row of packed tensors has."""
    return sum(map(math.prod, shapes))
