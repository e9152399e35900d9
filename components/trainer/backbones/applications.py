"""Backbones out of keras.applications, made fit for being frozen in part.

Each is built with random weights and copied once, because as they come

- some normalise the pixels inside and some do not: here none does, the registry says how;
- some have dropout or stochastic depth in their blocks, which stays active in frozen layers when
  ``fit`` calls them with ``training=True``: a frozen block would give other features in training
  than in serving. That noise is for training from scratch over hundreds of epochs; it is left out;
- ConvNeXt adds its shortcuts by an operation that is no layer, so no boundary could name it;
- the names of some layers count up with every model built in the process.

The copy keeps the order of all layers with weights, so a ``.weights.h5`` file of the original
loads into it.

Dimension letters: B batch, S side in pixels, F features.
"""

import collections
import contextlib
import re
import socket
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import layers

# Seconds without a byte from the server after which a download is given up.
DOWNLOAD_TIMEOUT_S = 30.0
SMALLEST_SIZE_PX = 32
_NORMALISING = (layers.Rescaling, layers.Normalization)
_LEFT_OUT = (*_NORMALISING, layers.Dropout)


class DownloadError(Exception):
    """The weights could not be downloaded."""


def build(application: Callable[..., keras.Model], size_px: int) -> keras.Model:
    """Builds a backbone with random weights.

    Args:
      application: a function of ``keras.applications``.
      size_px: the side S of the square input, at least :data:`SMALLEST_SIZE_PX`.

    Returns:
      A model from normalised ``inputs`` float32 [B, S, S, 3] to features [B, h, w, F].
    """
    original = application(include_top=False, weights=None, input_shape=(size_px, size_px, 3))
    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    return keras.models.clone_model(
        original, input_tensors=inputs, clone_function=_Copier().copy, call_function=_call
    )


def _call(operation: Any, *arguments: Any, **options: Any) -> Any:
    if isinstance(operation, _LEFT_OUT):
        return arguments[0]
    is_shortcut = all(isinstance(argument, keras.KerasTensor) for argument in arguments)
    if is_shortcut and len(arguments) == 2 and type(operation).__name__ == "Add":
        return layers.Add(name=operation.name)(list(arguments))
    return operation(*arguments, **options)


class _Copier:
    """Copies layers; the names that Keras made up count from zero in each model."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()

    def copy(self, operation: Any) -> Any:
        config = operation.get_config()
        kind = _snake_case(type(operation).__name__)
        if re.fullmatch(rf"{kind}(_\d+)?", operation.name):
            config["name"] = f"{kind}_{self._counts[kind]}" if self._counts[kind] else kind
            self._counts[kind] += 1
        return type(operation).from_config(config)


def _snake_case(name: str) -> str:
    """As Keras makes a layer's name from its class: ZeroPadding2D → zero_padding2d."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def load_imagenet(application: Callable[..., keras.Model], backbone: keras.Model) -> None:
    """Fills ``backbone``, as made by :func:`build`, with what keras.applications downloads.

    A file in Keras' cache is not downloaded again.

    Raises:
      DownloadError: there is no network, the server does not answer, or what it sent is damaged.
    """
    try:
        with _socket_timeout(DOWNLOAD_TIMEOUT_S), warnings.catch_warnings():
            # MobileNets have weights for some sizes; elsewhere those for 224 px are right.
            warnings.filterwarnings("ignore", ".*Weights for input shape")
            original = application(
                include_top=False, weights="imagenet", input_shape=backbone.input.shape[1:]
            )
    # keras.utils.get_file raises a bare Exception where the server cannot be reached.
    except Exception as error:
        raise DownloadError(str(error)) from error
    copy_weights(original, backbone)


def copy_weights(original: keras.Model, backbone: keras.Model) -> None:
    """Copies the weights of a keras.applications model into one that :func:`build` made."""
    values = [
        value
        for layer in original.layers
        if not isinstance(layer, _NORMALISING)
        for value in layer.get_weights()
    ]
    backbone.set_weights(values)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Downloads by urllib, as Keras has them, wait for ever unless sockets are told otherwise."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
