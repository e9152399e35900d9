"""Grad-CAM of a classifier, as heat maps and as pictures.

The explained layer may lie in a nested model. Its map and the logits then belong to two graphs,
and Keras refuses a model from one to the other ("graph disconnected"); so each model in between
is copied with the map as an additional output. The copies share all layers.

Source: Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391, section 3.

Dimension letters: B batch, H W image, h w C the layer's map, K classes.
"""

import difflib
from collections.abc import Iterator
from typing import Any

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from keras import layers

from data import errors

PREDICTED = -1
_PROBABILITIES = (keras.activations.softmax, keras.activations.sigmoid)


class Explainer:
    """Explains one classifier; its graph is traced once.

    Args:
      classifier: a functional or sequential model, images [B, H, W, 3] → [B, K] logits, or
        probabilities by a last softmax or sigmoid; models may be nested in it at any depth.
      layer_name: name of the layer whose map [B, h, w, C] is used, at any depth; None: the last
        one with more than one position, as the paper advises. If a layer is called several times,
        the last call counts.

    Raises:
      errors.ConfigError: the model is of another kind, or no such layer or several have the name.
    """

    def __init__(self, classifier: keras.Model, layer_name: str | None = None) -> None:
        if not _is_graph(classifier) or len(classifier.outputs[0].shape) != 2:
            raise errors.ConfigError(
                f"{classifier.name} cannot be explained: Grad-CAM takes a functional or sequential"
                " model of one input, images, and one output [B, K]."
            )
        layer = _layer(classifier, layer_name)
        self.layer_name: str = layer.name
        self._classes = classifier.outputs[0].shape[-1]
        self._map_and_logits = _tapped(classifier, layer)
        image = classifier.inputs[0]
        signature = [
            tf.TensorSpec(image.shape, image.dtype),
            tf.TensorSpec([None], tf.int64),
        ]
        self._traced = tf.function(self._explain, input_signature=signature)

    def explain(
        self, pixels: tf.Tensor, class_ids: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes heat maps and logits in one pass through the model; also inside a graph.

        Args:
          pixels: [B, H, W, 3], as the classifier takes them.
          class_ids: int64 [B], the classes to explain; -1 or None: the predicted one.

        Returns:
          heat float32 [B, H, W] in 0–1, its maximum 1 in each image, or all 0 if there is no
          evidence for the class; logits float32 [B, K], before a last softmax or sigmoid.
        """
        if class_ids is None:
            class_ids = tf.fill(tf.shape(pixels)[:1], tf.constant(PREDICTED, tf.int64))
        pixels = tf.cast(pixels, self._map_and_logits.inputs[0].dtype)
        return self._traced(pixels, class_ids)  # type: ignore[no-any-return]

    def heatmap(self, pixels: np.ndarray, class_ids: np.ndarray | None = None) -> np.ndarray:
        """Computes heat maps float32 [B, H, W] in 0–1 as :meth:`explain` does, on arrays.

        Raises:
          ValueError: the class ids are not B integers in 0…K − 1.
        """
        if class_ids is not None:
            class_ids = np.asarray(class_ids)
            fits = class_ids.shape == (len(pixels),) and np.issubdtype(class_ids.dtype, np.integer)
            if not fits or not np.isin(class_ids, range(self._classes)).all():
                raise ValueError(
                    f"class_ids {class_ids.tolist()}: {len(pixels)} integers in"
                    f" 0…{self._classes - 1} are needed, one for each image"
                )
            class_ids = tf.constant(class_ids, tf.int64)
        if not len(pixels):  # TensorFlow's fused convolutions refuse an empty batch.
            return np.zeros(pixels.shape[:3], np.float32)
        heat, _ = self.explain(tf.convert_to_tensor(pixels), class_ids)
        return heat.numpy()  # type: ignore[no-any-return]

    def _explain(self, pixels: tf.Tensor, class_ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        activations, logits = self._map_and_logits(pixels, training=False)
        class_ids = tf.where(class_ids == PREDICTED, tf.argmax(logits, axis=1), class_ids)
        chosen = tf.gather(logits, class_ids, axis=1, batch_dims=1)
        # Unlike a tape, it needs no watched variables: frozen layers and uint8 pixels below do not
        # matter, and it goes no further down than the map.
        (gradients,) = tf.gradients(chosen, activations, unconnected_gradients="zero")
        weights = tf.reduce_mean(tf.cast(gradients, tf.float32), axis=[1, 2], keepdims=True)
        heat = tf.reduce_sum(weights * tf.cast(activations, tf.float32), axis=-1, keepdims=True)
        heat = tf.image.resize(tf.nn.relu(heat), tf.shape(pixels)[1:3])[..., 0]
        heat = tf.where(tf.math.is_finite(heat), heat, 0.0)
        highest = tf.reduce_max(heat, axis=[1, 2], keepdims=True)
        return tf.math.divide_no_nan(heat, highest), tf.cast(logits, tf.float32)


def overlay(
    pixels: np.ndarray, heat: np.ndarray, colour_map: str = "turbo", alpha: float = 0.45
) -> np.ndarray:
    """Draws heat maps as colours over their images.

    Args:
      pixels: uint8 [B, H, W, 3] in 0–255.
      heat: float [B, H, W] in 0–1.
      colour_map: name of a matplotlib colour map.
      alpha: opacity of the colours, in 0–1; at 0 the pixels stay unchanged.

    Returns:
      uint8 [B, H, W, 3] in 0–255.

    Raises:
      errors.ConfigError: an unknown colour map, or an alpha out of range.
      ValueError: the shapes or the type do not fit.
    """
    if colour_map not in matplotlib.colormaps:
        near = difflib.get_close_matches(colour_map, matplotlib.colormaps, n=3)
        raise errors.ConfigError(
            f"Unknown colour map {colour_map!r}; matplotlib has {', '.join(near or ['turbo'])}"
            " and others."
        )
    if not 0 <= alpha <= 1:
        raise errors.ConfigError(f"alpha is {alpha}; it must be in 0–1.")
    if pixels.dtype != np.uint8 or pixels.shape != (*heat.shape, 3) or heat.ndim != 3:
        raise ValueError(
            f"pixels {pixels.dtype} {pixels.shape} and heat {heat.shape} do not fit:"
            " uint8 [B, H, W, 3] and [B, H, W] are needed"
        )
    colours = matplotlib.colormaps[colour_map](heat)[..., :3] * 255
    return np.rint((1 - alpha) * pixels + alpha * colours).astype(np.uint8)


def _is_graph(operation: Any) -> bool:
    """Returns whether an operation is a model with visible layers, one input and one output."""
    if not isinstance(operation, keras.Model) or not hasattr(operation, "outputs"):
        return False
    return len(operation.inputs) == len(operation.outputs) == 1


def _view(model: keras.Model) -> keras.Model:
    """Returns the graph of a model of any class as a plain functional model, not compiled."""
    return keras.Model(model.inputs[0], model.outputs[0])


def _operations(model: keras.Model) -> Iterator[Any]:
    """Yields all layers and other operations from the input up, those of nested models included."""
    for operation in _view(model).operations:
        if _is_graph(operation):
            yield from _operations(operation)
        elif not isinstance(operation, layers.InputLayer):
            yield operation


def _layer(classifier: keras.Model, name: str | None) -> Any:
    """Finds the layer of that name, or the last whose map has more than one position."""
    maps = [one for one in _operations(classifier) if len(_shape(one)) == 4]
    if name is None:
        chosen = [one for one in maps if _shape(one)[1:3] != (1, 1)][-1:]
    else:
        chosen = [one for one in maps if one.name == name]
    if len({id(one) for one in chosen}) != 1:
        names = list(dict.fromkeys(one.name for one in maps))
        near = difflib.get_close_matches(name or "", names, n=3) or names[-3:]
        wanted = "with a map of more than one position" if name is None else f"named {name!r}"
        raise errors.ConfigError(
            f"{classifier.name} has {len(chosen) or 'no'} layers {wanted}; Grad-CAM needs one with"
            f" a map [B, h, w, C], such as {', '.join(near) or 'of a convolution'}."
        )
    return chosen[0]


def _shape(operation: Any) -> tuple[int | None, ...]:
    return getattr(operation.output, "shape", ())


def _tapped(model: keras.Model, layer: Any, is_outermost_end: bool = True) -> keras.Model:
    """Copies a model with the map of a layer within it as an output before its own.

    Args:
      model: has one input and one output.
      layer: the layer of the map.
      is_outermost_end: whether its output is that of the whole, which is converted to logits.
    """
    view = _view(model)
    last = view.operations[-1]
    maps = []

    def call(operation: Any, *arguments: Any, **options: Any) -> Any:
        is_end = is_outermost_end and operation is last
        inputs = [*arguments, *options.values()][0]  # a call may name them
        if _is_graph(operation):
            tapped = _tapped(operation, layer, is_end)
            *inner, output = keras.tree.flatten(tapped(inputs))
            maps.extend(inner)
        else:
            logits = _logits(operation, inputs) if is_end else None
            output = operation(*arguments, **options) if logits is None else logits
            if operation is layer:
                maps.append(output)
        return output

    copy = keras.models.clone_model(view, clone_function=lambda one: one, call_function=call)
    return keras.Model(copy.inputs[0], [*maps[-1:], copy.outputs[0]])


def _logits(operation: Any, inputs: Any) -> Any:
    """Returns the input of a last layer's softmax or sigmoid; None if it has neither.

    The paper's gradient is of the score before the softmax: after it, the gradient vanishes as
    the model becomes confident.
    """
    if isinstance(operation, layers.Softmax):
        return inputs
    if getattr(operation, "activation", None) not in _PROBABILITIES:
        return None
    if isinstance(operation, layers.Activation):
        return inputs
    if not isinstance(operation, layers.Dense):
        return None
    products = keras.ops.matmul(inputs, operation.kernel)
    return products + operation.bias if operation.use_bias else products
