"""The features of boxes in image records, named as TensorFlow's own decoders name them.

Coordinates are float32 in 0–1 of the upright image. Labels begin at 1, since 0 is the background
in TensorFlow's conventions. Dimension letters: M objects of an image.
"""

from collections.abc import Mapping

import tensorflow as tf

from data.boxes.resolve import Annotation

SIDES = tuple(f"image/object/bbox/{side}" for side in ("ymin", "xmin", "ymax", "xmax"))
LABEL = "image/object/class/label"
TEXT = "image/object/class/text"
IS_CROWD = "image/object/is_crowd"
DIFFICULT = "image/object/difficult"
AREA = "image/object/area"
BACKGROUND = 1  # labels before the first class


def encode(annotation: Annotation, labels: Mapping[str, int]) -> dict[str, tf.train.Feature]:
    """Converts the objects of an image to features.

    Args:
      annotation: the objects.
      labels: name → its number in the label map, from 0.
    """
    numbers = [labels[name] + BACKGROUND for name in annotation.labels]
    names = [name.encode("utf-8", "surrogateescape") for name in annotation.labels]
    return {
        **{name: floats(column) for name, column in zip(SIDES, annotation.boxes.T, strict=True)},
        LABEL: integers(numbers),
        TEXT: tf.train.Feature(bytes_list=tf.train.BytesList(value=names)),
        IS_CROWD: integers(annotation.is_crowd),
        DIFFICULT: integers(annotation.is_difficult),
        AREA: floats(annotation.area_px),
    }


def floats(values: object) -> tf.train.Feature:
    """Makes a feature of numbers."""
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def integers(values: object) -> tf.train.Feature:
    """Makes a feature of whole numbers, or of flags."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=map(int, values)))  # type: ignore[call-overload]
