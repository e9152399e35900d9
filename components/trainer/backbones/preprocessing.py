"""Conversion of pixels to the inputs of a backbone, as layers inside the model.

Imports Keras only when it is applied, see ``backbone.py``.
The constants are those of ``keras.applications``' ``preprocess_input``, under its names.

Dimension letters: B batch, S side in pixels.
"""

from dataclasses import dataclass
from typing import Any

LAYER = "preprocessing"
Channels = float | tuple[float, ...]


@dataclass(frozen=True)
class Preprocessing:
    """Affine map of each channel: inputs = pixels · scale + offset.

    Only layers and operations of Keras itself are used, so that a saved model loads without
    custom objects.

    Attributes:
      scale, offset: one value for all channels, or one for each in the order of ``inputs``.
      reverses_channels: ``inputs`` are BGR; pixels are always RGB.
    """

    scale: Channels
    offset: Channels
    reverses_channels: bool = False

    def __call__(self, pixels: Any) -> Any:
        """Maps pixels [B, S, S, 3], uint8 or float32 0–255, RGB, to inputs float32 [B, S, S, 3].

        The last layer is called :data:`LAYER`; its output is ``inputs``.
        """
        import keras
        from keras import layers

        if self.reverses_channels:
            pixels = keras.ops.flip(pixels, axis=-1)
        return layers.Rescaling(_plain(self.scale), _plain(self.offset), name=LAYER)(pixels)


def _plain(values: Channels) -> float | list[float]:
    """Converts to types that JSON has: a saved model's config has no tuples."""
    return list(values) if isinstance(values, tuple) else values


_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# Of the Lite models: (pixels − 127) / 128.
LITE = Preprocessing(scale=1 / 128, offset=-127 / 128)
# To −1…1.
TF = Preprocessing(scale=1 / 127.5, offset=-1.0)
# To mean 0 and deviation 1 over ImageNet, channel by channel. EfficientNet's preprocess_input does
# nothing, as its keras.applications model does this inside.
TORCH = Preprocessing(
    scale=tuple(1 / (255 * deviation) for deviation in _IMAGENET_DEVIATION),
    offset=tuple(
        -mean / deviation
        for mean, deviation in zip(_IMAGENET_MEAN, _IMAGENET_DEVIATION, strict=True)
    ),
)
# BGR, less ImageNet's mean.
CAFFE = Preprocessing(scale=1.0, offset=(-103.939, -116.779, -123.68), reverses_channels=True)
