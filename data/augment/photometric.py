"""Photometric changes: three for whole batches, and the nine of the policies.

All use integers, see ``fixed_point``. Dimension letters: B batch, S side in pixels.
"""

import tensorflow as tf

from data.augment import augment_config, randomness
from data.images import fixed_point

Draw = randomness.Draw

OPERATIONS = (
    "identity",
    "brightness",
    "contrast",
    "colour",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
_LEVELS = 256
# ITU-R 601 luma, in fixed point; the integers that Pillow uses.
_LUMA = (19595, 38470, 7471)


def mean_levels(pixels: tf.Tensor) -> tf.Tensor:
    """Computes the mean of each uint8 [B, S, S, 3], S ≤ 1024: int32 [B], in 1/256 levels."""
    height, width, channels = pixels.shape[1:]
    # Rows first: XLA adds them with vector instructions, four times as fast as all values at once.
    rows = tf.cast(tf.reshape(pixels, [-1, height, width * channels]), tf.int32)
    total = tf.cast(tf.reduce_sum(tf.reduce_sum(rows, axis=1), axis=1), tf.int64)
    return tf.cast(total * 256 // (height * width * channels), tf.int32)


def adjust(
    pixels: tf.Tensor,
    mean: tf.Tensor,
    draws: tf.Tensor,
    config: augment_config.AugmentConfig,
) -> tf.Tensor:
    """Changes the saturation, then the contrast about a level, then the brightness.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255.
      mean: int32 [B], the level that contrast does not change, in 1/256 levels.
      draws: float64 [B, DRAWS] in [0, 1).
      config: the extents.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    values = tf.cast(pixels, tf.int32)
    if config.saturation_fraction:
        saturation = 1.0 + randomness.signed(draws, Draw.SATURATION) * config.saturation_fraction
        share = fixed_point.of(saturation)[:, None, None, None]
        pixels = fixed_point.blend(_grey(values), values, share)
        values = tf.cast(pixels, tf.int32)
    if not (config.contrast_fraction or config.brightness_fraction):
        return pixels
    contrast = 1.0 + randomness.signed(draws, Draw.CONTRAST) * config.contrast_fraction
    brightness = randomness.signed(draws, Draw.BRIGHTNESS) * config.brightness_fraction
    factor = fixed_point.of(contrast)
    # Products stay within 31 bits: 16 of the mean, 14 of the factor.
    centre = fixed_point.shift(mean * fixed_point.shift(fixed_point.ONE - factor, 2), 6)
    offset = centre + fixed_point.of(brightness * (_LEVELS - 1))
    factor, offset = factor[:, None, None, None], offset[:, None, None, None]
    return fixed_point.rounded(values * factor + offset)


def operate(pixels: tf.Tensor, operations: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Applies some of ``OPERATIONS`` to each image; as Pillow, but rounded, not truncated.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255.
      operations: int32 [B, N], indices into ``OPERATIONS``, applied from the first to the last.
      amounts: int32 [B, N]: a factor in fixed point for brightness to sharpness, the number of
        bits to keep for posterize, the first inverted level for solarize; unused for the
        others.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    count = operations.shape[1]

    def all_steps(image: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        values, chosen, sizes = image
        # A loop, because XLA would compile the branches again for each step.
        _, changed = tf.while_loop(
            lambda number, _: number < count,
            lambda number, values: (number + 1, _operate(values, chosen[number], sizes[number])),
            (tf.constant(0), values),
        )
        return changed

    signature = tf.TensorSpec(pixels.shape[1:], tf.uint8)
    images = (pixels, operations, amounts)
    return tf.map_fn(all_steps, images, fn_output_signature=signature)  # type: ignore[no-any-return]


def _operate(pixels: tf.Tensor, operation: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Applies one operation to uint8 [S, S, 3]."""
    values = tf.cast(pixels, tf.int32)
    branches = [
        lambda: pixels,
        lambda: fixed_point.blend(tf.zeros_like(values), values, amount),
        lambda: fixed_point.blend(_mean_grey(values), values, amount),
        lambda: fixed_point.blend(_grey(values), values, amount),
        lambda: fixed_point.blend(_smooth(values), values, amount),
        lambda: _posterize(values, amount),
        lambda: tf.cast(tf.where(values < amount, values, _LEVELS - 1 - values), tf.uint8),
        lambda: _autocontrast(values),
        lambda: _equalize(values),
    ]
    return tf.switch_case(operation, branches)  # type: ignore[no-any-return]


def _grey(values: tf.Tensor) -> tf.Tensor:
    """Computes the luma, int32 [..., 1], of int32 [..., 3]."""
    luma = tf.reduce_sum(values * tf.constant(_LUMA), axis=-1, keepdims=True)
    return fixed_point.shift(luma + fixed_point.HALF)


def _mean_grey(values: tf.Tensor) -> tf.Tensor:
    grey = _grey(values)
    count = grey.shape[0] * grey.shape[1]
    return (tf.reduce_sum(grey) + count // 2) // count


def _smooth(values: tf.Tensor) -> tf.Tensor:
    """Computes a 3×3 mean with the centre weighted five times; the border is unchanged."""
    rows = values[:-2] + values[1:-1] + values[2:]
    blocks = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    inner = (blocks + 4 * values[1:-1, 1:-1] + 6) // 13
    middle = tf.concat([values[1:-1, :1], inner, values[1:-1, -1:]], axis=1)
    return tf.concat([values[:1], middle, values[-1:]], axis=0)


def _posterize(values: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    kept = tf.bitwise.left_shift(tf.bitwise.right_shift(tf.constant(255), 8 - bits), 8 - bits)
    return tf.cast(tf.bitwise.bitwise_and(values, kept), tf.uint8)


def _autocontrast(values: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to 0–255; a channel of one level is unchanged."""
    low, high = (reduce(values, axis=[0, 1]) for reduce in (tf.reduce_min, tf.reduce_max))
    span = high - low
    stretched = ((values - low) * (_LEVELS - 1) + span // 2) // tf.maximum(span, 1)
    return tf.cast(tf.where(span > 0, stretched, values), tf.uint8)


def _equalize(values: tf.Tensor) -> tf.Tensor:
    """Equalises the histogram of each channel, with Pillow's integers."""
    index = tf.reshape(values + tf.range(3) * _LEVELS, [-1])
    ones = tf.ones_like(index)
    histogram = tf.reshape(tf.math.unsorted_segment_sum(ones, index, 3 * _LEVELS), [3, _LEVELS])
    count = tf.reduce_sum(histogram, axis=1, keepdims=True)
    level = tf.range(_LEVELS)
    highest = tf.reduce_max(tf.where(histogram > 0, level, 0), axis=1, keepdims=True)
    last = tf.reduce_sum(tf.where(level == highest, histogram, 0), axis=1, keepdims=True)
    step = (count - last) // (_LEVELS - 1)
    below = tf.cumsum(histogram, axis=1, exclusive=True)
    table = tf.minimum((below + step // 2) // tf.maximum(step, 1), _LEVELS - 1)
    table = tf.where(step > 0, table, level)
    looked_up = tf.gather(tf.reshape(table, [-1]), index)
    return tf.cast(tf.reshape(looked_up, tf.shape(values)), tf.uint8)
