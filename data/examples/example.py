"""The contracts of the records on disk: names, types, encoding, parsing.

Two records, both tf.Example in uncompressed TFRecord files (JPEG and PNG do not compress again):

* the *image* record, written at ingest: encoded bytes and all properties of the image;
* the *pixels* record, written by Preprocess: raw uint8 pixels at the model's size.

Dimension letters: B batch, S side in pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from data.examples.annotation import Annotation
from data.examples.feature_names import (
    BRIGHTNESS as BRIGHTNESS,
)
from data.examples.feature_names import (
    CHANNELS as CHANNELS,
)
from data.examples.feature_names import (
    CLASS_LABEL as CLASS_LABEL,
)
from data.examples.feature_names import (
    CLASS_TEXT as CLASS_TEXT,
)
from data.examples.feature_names import (
    CONTRAST as CONTRAST,
)
from data.examples.feature_names import (
    ENCODED as ENCODED,
)
from data.examples.feature_names import (
    FILENAME as FILENAME,
)
from data.examples.feature_names import (
    FORMAT as FORMAT,
)
from data.examples.feature_names import (
    HEIGHT as HEIGHT,
)
from data.examples.feature_names import (
    HIGHLIGHT as HIGHLIGHT,
)
from data.examples.feature_names import (
    MASK as MASK,
)
from data.examples.feature_names import (
    MASK_FORMAT as MASK_FORMAT,
)
from data.examples.feature_names import (
    NO_SPAN as NO_SPAN,
)
from data.examples.feature_names import (
    PHASH as PHASH,
)
from data.examples.feature_names import (
    PIXELS as PIXELS,
)
from data.examples.feature_names import (
    REENCODED as REENCODED,
)
from data.examples.feature_names import (
    SATURATION as SATURATION,
)
from data.examples.feature_names import (
    SHA256 as SHA256,
)
from data.examples.feature_names import (
    SHADOW as SHADOW,
)
from data.examples.feature_names import (
    SHARPNESS as SHARPNESS,
)
from data.examples.feature_names import (
    SIZE_BYTES as SIZE_BYTES,
)
from data.examples.feature_names import (
    SOURCE_FORMAT as SOURCE_FORMAT,
)
from data.examples.feature_names import (
    SPAN as SPAN,
)
from data.examples.feature_names import (
    WIDTH as WIDTH,
)
from data.images import decode

FEATURES: dict[str, tf.DType] = {
    ENCODED: tf.string,
    FORMAT: tf.string,
    HEIGHT: tf.int64,
    WIDTH: tf.int64,
    CHANNELS: tf.int64,
    CLASS_TEXT: tf.string,
    CLASS_LABEL: tf.int64,
    FILENAME: tf.string,
    SHA256: tf.string,
    PHASH: tf.string,
    SIZE_BYTES: tf.int64,
    SOURCE_FORMAT: tf.string,
    REENCODED: tf.int64,
    SPAN: tf.int64,
    BRIGHTNESS: tf.float32,
    CONTRAST: tf.float32,
    HIGHLIGHT: tf.float32,
    SHADOW: tf.float32,
    SHARPNESS: tf.float32,
    SATURATION: tf.float32,
}
LISTS = frozenset({CLASS_TEXT, CLASS_LABEL})  # any number of values; the others have one
_STRING = tf.io.FixedLenFeature([], tf.string)


@dataclass(frozen=True, slots=True)
class ImageSource:
    """The origin of an image: relative path, its labels, digest of its file, span.

    Attributes:
      class_text: the names of its labels.
      class_label: their numbers in the label map, in the same order.
    """

    filename: str
    class_text: tuple[str, ...]
    class_label: tuple[int, ...]
    sha256: str
    span: int = NO_SPAN


class Encoder:
    """Serialises image records; not thread-safe.

    One message is reused for all records: creating a new one costs three times as much.
    """

    def __init__(self) -> None:
        self._example = tf.train.Example()
        features = self._example.features.feature
        self._values = []
        for name, dtype in FEATURES.items():
            if dtype == tf.string:
                features[name].bytes_list.value.append(b"")
                self._values.append(features[name].bytes_list.value)
            elif dtype == tf.int64:
                features[name].int64_list.value.append(0)
                self._values.append(features[name].int64_list.value)
            else:
                features[name].float_list.value.append(0)
                self._values.append(features[name].float_list.value)

    def encode(
        self,
        encoded: bytes,
        info: decode.ImageInfo,
        source: ImageSource,
        mask: bytes | None = None,
        more: Mapping[str, tf.train.Feature] | None = None,
    ) -> bytes:
        """Serialises one record.

        Args:
          encoded: the bytes to store.
          info: their properties.
          source: their source.
          mask: a PNG of class numbers in the size of the image, 255 for void; None: no masks.
          more: features of an annotation that is more than labels of the image; the same names in
            every record.
        """
        values = {
            ENCODED: encoded,
            FORMAT: _bytes(info.format),
            HEIGHT: info.height,
            WIDTH: info.width,
            CHANNELS: info.channels,
            CLASS_TEXT: [_bytes(name) for name in source.class_text],
            CLASS_LABEL: source.class_label,
            FILENAME: _bytes(source.filename),
            SHA256: _bytes(source.sha256),
            PHASH: _bytes(info.phash),
            SIZE_BYTES: len(encoded),
            SOURCE_FORMAT: _bytes(info.source_format),
            REENCODED: int(info.reencoded),
            SPAN: source.span,
            BRIGHTNESS: info.quality.brightness,
            CONTRAST: info.quality.contrast,
            HIGHLIGHT: info.quality.highlight,
            SHADOW: info.quality.shadow,
            SHARPNESS: info.quality.sharpness,
            SATURATION: info.quality.saturation,
        }
        for name, target in zip(FEATURES, self._values, strict=True):
            if name in LISTS:
                del target[:]
                target.extend(values[name])
            else:
                target[0] = values[name]
        if mask is not None:
            features = self._example.features.feature
            for name, value in ((MASK, mask), (MASK_FORMAT, b"png")):
                features[name].bytes_list.value[:] = [value]
        for name, feature in (more or {}).items():
            self._example.features.feature[name].CopyFrom(feature)
        return _serialize(self._example)


def encode_pixels(
    pixels: np.ndarray,
    annotated: Mapping[str, tf.train.Feature],
    sha256: bytes,
    filename: bytes = b"",
) -> bytes:
    """Serialises a pixels record.

    Args:
      pixels: uint8 [S, S, 3].
      annotated: the features of its annotation.
      sha256: as in the image's record.
      filename: likewise.
    """
    example = tf.train.Example()
    features = example.features.feature
    features[PIXELS].bytes_list.value.append(pixels.tobytes())
    for name, feature in annotated.items():
        features[name].CopyFrom(feature)
    features[SHA256].bytes_list.value.append(sha256)
    features[FILENAME].bytes_list.value.append(filename)
    return _serialize(example)


def parse(serialized: tf.Tensor, names: list[str] | None = None) -> dict[str, tf.Tensor]:
    """Parses image records inside a graph.

    Args:
      serialized: string [B].
      names: the features to parse; all by default.

    Returns:
      Feature name → tensor [B] of the feature's dtype.

    Raises:
      tf.errors.InvalidArgumentError: a record lacks a feature or cannot be parsed.
    """
    wanted = FEATURES if names is None else {name: FEATURES[name] for name in names}
    spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in wanted.items()}
    return tf.io.parse_example(serialized, spec)  # type: ignore[no-any-return]


def parse_annotated(
    serialized: tf.Tensor, names: list[str], annotation: Annotation
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Parses features of image records, as :func:`parse` does, and targets [B, …]."""
    spec = {name: tf.io.FixedLenFeature([], FEATURES[name]) for name in names}
    parsed = tf.io.parse_example(serialized, {**spec, **annotation.features})
    return {name: parsed[name] for name in names}, annotation.parse(parsed)


def parse_pixels(
    serialized: tf.Tensor, size_px: int, annotation: Annotation
) -> tuple[tf.Tensor, tf.Tensor]:
    """Parses pixels records inside a graph.

    Args:
      serialized: string [B].
      size_px: the side S that the pixels were written at.
      annotation: what the images are annotated with.

    Returns:
      pixels uint8 [B, S, S, 3] in 0–255 and targets [B, …].
    """
    parsed = tf.io.parse_example(serialized, {PIXELS: _STRING, **annotation.features})
    return _unpacked(parsed[PIXELS], size_px), annotation.parse(parsed)


def parse_only_pixels(serialized: tf.Tensor, size_px: int) -> tf.Tensor:
    """Parses only the pixels uint8 [B, S, S, 3] of pixels records, string [B]."""
    return _unpacked(tf.io.parse_example(serialized, {PIXELS: _STRING})[PIXELS], size_px)


def parse_targets(serialized: tf.Tensor, annotation: Annotation) -> tf.Tensor:
    """Parses only the targets [B, …] of image or pixels records, string [B]."""
    return annotation.parse(tf.io.parse_example(serialized, annotation.features))


def _unpacked(packed: tf.Tensor, size_px: int) -> tf.Tensor:
    flat = tf.io.decode_raw(packed, tf.uint8, fixed_length=size_px * size_px * 3)
    return tf.reshape(flat, [-1, size_px, size_px, 3])


def _bytes(text: str) -> bytes:
    # A file name may be any bytes on Linux; surrogates restore the original ones.
    return text.encode("utf-8", "surrogateescape")


def _serialize(example: tf.train.Example) -> bytes:
    # Map fields have no fixed order by default; equal images must give equal bytes.
    return example.SerializeToString(deterministic=True)  # type: ignore[no-any-return]
