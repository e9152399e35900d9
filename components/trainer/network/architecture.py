"""Cost and receptive field of each layer of a network, computed by formulas.

Keras reports the shapes and the parameters of a layer. The formulas of layer_formulas.py compute
them independently, and add what Keras does not report: multiply-adds, the receptive field, and
the saving of a depthwise separable convolution. A test compares both for every backbone.

Dimension letters: B batch, W side of a square image or map, C channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import layers

from components.trainer.network import layer_formulas


@dataclass(frozen=True)
class Row:
    """Figures of one layer.

    Attributes:
      name, kind: the layer's name and class.
      kernel, stride: of a convolution or pooling; None for other layers.
      padding_px: 2P, the padding of both sides together; None for other layers.
      output_px: side of the output map; 1 for a vector.
      output_channels: channels of the output map.
      parameters: number of parameters, trainable or not.
      multiply_adds: for one image, counted in convolutions and dense layers only, as is usual.
      receptive_field_px: side of the input region that one output position depends on; may exceed
        the image.
      full_multiply_adds: of the full convolution that a depthwise one and the pointwise one after
        it replace; None for other layers.
      saving: factor by which the two reduce the multiply-adds; None for other layers.
    """

    name: str
    kind: str
    kernel: int | None
    stride: int | None
    padding_px: int | None
    output_px: int
    output_channels: int
    parameters: int
    multiply_adds: int
    receptive_field_px: int
    full_multiply_adds: int | None = None
    saving: float | None = None


@dataclass(frozen=True)
class Totals:
    """Sums over all layers; ``saving`` is the factor that depthwise layers save overall."""

    layers: int
    parameters: int
    multiply_adds: int
    receptive_field_px: int
    saving: float


def rows(model: keras.Model) -> list[Row]:
    """Lists the layers of a functional model from the input up, nested models included.

    Args:
      model: has one square input [B, W, W, C].

    Raises:
      ValueError: an image or a kernel is not square, a layer is called twice, or there is no
        formula for the parameters of a layer.
    """
    _, height, width, channels = model.input.shape
    if height != width or height is None:
        raise ValueError(f"{model.name}: the input is {height}×{width}, not a square")
    walk = _Walk()
    walk.through(model, layer_formulas.Map(height, channels, 1, 1, height))
    return walk.rows


def totals(table: Sequence[Row]) -> Totals:
    """Adds up the rows that :func:`rows` returned."""
    multiply_adds = sum(row.multiply_adds for row in table)
    saved = sum(
        row.full_multiply_adds - row.full_multiply_adds / row.saving
        for row in table
        if row.full_multiply_adds and row.saving
    )
    return Totals(
        layers=len(table),
        parameters=sum(row.parameters for row in table),
        multiply_adds=multiply_adds,
        receptive_field_px=table[-1].receptive_field_px,
        saving=(multiply_adds + saved) / multiply_adds if multiply_adds else 1.0,
    )


class _Walk:
    """Visits a model's layers in order and collects rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def through(
        self, model: keras.Model, image: layer_formulas.Map, is_inner: bool = False
    ) -> layer_formulas.Map:
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                image = self._layer(layer, [image])
            return image
        sources = _sources(model)
        maps: dict[str, layer_formulas.Map] = {}
        for operation in model.operations:
            if isinstance(operation, layers.InputLayer):
                maps[operation.name] = image
                if not is_inner:
                    self._append(operation, layer_formulas.Step(image))
            else:
                inputs = [maps[name] for name in sources[operation.name]]
                maps[operation.name] = self._layer(operation, inputs)
        return maps[model.operations[-1].name]

    def _layer(self, operation: Any, inputs: list[layer_formulas.Map]) -> layer_formulas.Map:
        if isinstance(operation, keras.Model):
            return self.through(operation, inputs[0], is_inner=True)
        step = layer_formulas.step(operation, inputs)
        if not isinstance(operation, layers.Layer):
            return step.output
        self._append(operation, step)
        index = len(self.rows) - 1
        if isinstance(operation, layers.SeparableConv2D):
            self._settle((index, step.filter_adds or 0), step.multiply_adds)
        elif step.filter_adds is not None:
            return replace(step.output, pending=(index, step.filter_adds))
        elif step.is_pointwise and inputs[0].pending is not None:
            depthwise = self.rows[inputs[0].pending[0]]
            self._settle(inputs[0].pending, depthwise.multiply_adds + step.multiply_adds)
        return step.output

    def _append(self, layer: layers.Layer, step: layer_formulas.Step) -> None:
        kernel, stride, padding_px = step.window or (None, None, None)
        self.rows.append(
            Row(
                name=layer.name,
                kind=type(layer).__name__,
                kernel=kernel,
                stride=stride,
                padding_px=padding_px,
                output_px=step.output.size,
                output_channels=step.output.channels,
                parameters=step.parameters,
                multiply_adds=step.multiply_adds,
                receptive_field_px=step.output.receptive_field,
            )
        )

    def _settle(self, pending: tuple[int, int], taken: int) -> None:
        """Sets the saving of a depthwise layer once its pointwise one, the last row, is known."""
        index, filter_adds = pending
        full = filter_adds * self.rows[-1].output_channels
        if self.rows[index].saving is None:
            self.rows[index] = replace(
                self.rows[index], full_multiply_adds=full, saving=full / taken
            )


def _sources(model: keras.Model) -> dict[str, list[str]]:
    """Maps each operation's name to the names of its inputs, read from the model's config."""
    sources = {}
    for entry in model.get_config()["layers"]:
        calls = entry["inbound_nodes"]
        if len(calls) > 1:
            raise ValueError(f"{model.name}: {entry['name']} is called {len(calls)} times")
        sources[entry["name"]] = list(_histories(calls))
    return sources


def _histories(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "keras_history" in value:
            yield value["keras_history"][0]
        else:
            for inner in value.values():
                yield from _histories(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _histories(inner)
