"""Copies networks of keras.applications, adapted so that they can be frozen in part.

Each is built with random weights and copied once, because of the originals

- some normalise the pixels inside and some do not: here none does, the registry defines how;
- some have dropout or stochastic depth in their blocks, which stays active in frozen layers when
  ``fit`` calls them with ``training=True``: a frozen block would compute other features in
  training than in serving. That noise is meant for training from scratch over hundreds of epochs,
  and is left out;
- ConvNeXt adds its shortcuts by an operation that is not a layer, so no boundary could name it;
- the names of some layers are numbered on with every model built in the process.

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

from components.trainer.backbones import backbone as interface

# Seconds without a byte from the server after which a download is aborted.
DOWNLOAD_TIMEOUT_S = 30.0
_NORMALISING = (layers.Rescaling, layers.Normalization)
_LEFT_OUT = (*_NORMALISING, layers.Dropout)


def build(application: str, size_px: int) -> keras.Model:
    """Builds a backbone with random weights.

    Args:
      application: name of a function of ``keras.applications``.
      size_px: the side S of the square input, at least ``SMALLEST_SIZE_PX`` of ``backbone.py``.

    Returns:
      A model from normalised ``inputs`` float32 [B, S, S, 3] to features [B, h, w, F].
    """
    original = _function(application)(
        include_top=False, weights=None, input_shape=(size_px, size_px, 3)
    )
    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    return keras.models.clone_model(
        original, input_tensors=inputs, clone_function=_Copier().copy, call_function=_call
    )


def _function(application: str) -> Callable[..., keras.Model]:
    return getattr(keras.applications, application)  # type: ignore[no-any-return]


def _call(operation: Any, *arguments: Any, **options: Any) -> Any:
    if isinstance(operation, _LEFT_OUT):
        return arguments[0]
    is_shortcut = all(isinstance(argument, keras.KerasTensor) for argument in arguments)
    if is_shortcut and len(arguments) == 2 and type(operation).__name__ == "Add":
        return layers.Add(name=operation.name)(list(arguments))
    return operation(*arguments, **options)


class _Copier:
    """Copies layers; names that Keras generated are numbered from zero in each model."""

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
    """Converts a class name as Keras does for a layer's name: ZeroPadding2D → zero_padding2d."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def load_imagenet(application: str, backbone: keras.Model) -> None:
    """Loads the weights that keras.applications downloads into a backbone from :func:`build`.

    A file in Keras' cache is not downloaded again.

    Raises:
      backbone.DownloadError: there is no network, the server does not answer, or the file is damaged.
    """
    try:
        with _socket_timeout(DOWNLOAD_TIMEOUT_S), warnings.catch_warnings():
            # MobileNets have weights for some sizes; for others, those for 224 px are right.
            warnings.filterwarnings("ignore", ".*Weights for input shape")
            original = _function(application)(
                include_top=False, weights="imagenet", input_shape=backbone.input.shape[1:]
            )
    # keras.utils.get_file raises a bare Exception when the server cannot be reached.
    except Exception as error:
        raise interface.DownloadError(str(error)) from error
    copy_weights(original, backbone)


def copy_weights(original: keras.Model, backbone: keras.Model) -> None:
    """Copies the weights of a keras.applications model into a backbone from :func:`build`."""
    values = [
        value
        for layer in original.layers
        if not isinstance(layer, _NORMALISING)
        for value in layer.get_weights()
    ]
    backbone.set_weights(values)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Sets a timeout for new sockets: urllib, with which Keras downloads, has none by default."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
