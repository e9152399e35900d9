"""Random changes to batches of training images, in tf.data. Never at evaluation or serving.

Rotation, zoom, translation and flip are one affine warp, so each pixel is interpolated once.
Every function is a pure one of its seed. Dimension letters: B batch, S side in pixels.
"""

import math

import tensorflow as tf

from data import augment_config


def augment(pixels: tf.Tensor, config: augment_config.AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Applies every change of the config, drawn anew for each image.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255.
      config: the extents.
      seed: int64 [2]; the same seed changes the same batch in the same way.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    pixels = warp(pixels, config, seeds[0])
    if config.brightness_fraction or config.contrast_fraction:
        pixels = adjust_light(pixels, config, seeds[1])
    return pixels


def warp(pixels: tf.Tensor, config: augment_config.AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Flips, turns, zooms and shifts by one bilinear affine warp with mirrored borders.

    Args and returns as of :func:`augment`.
    """
    batch, side = tf.shape(pixels)[0], pixels.shape[1]
    draws = tf.random.stateless_uniform([5, batch], tf.cast(seed, tf.int64), -1.0, 1.0)
    angle = draws[0] * (config.rotation_degrees * math.pi / 180)
    scale = 1.0 + draws[1] * config.zoom_fraction
    shift_x = draws[2] * (config.translation_fraction * side)
    shift_y = draws[3] * (config.translation_fraction * side)
    mirror = tf.where(draws[4] < 0, -1.0, 1.0) if config.horizontal_flip else tf.ones([batch])
    cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
    # Each output pixel looks up its input at M·(x − centre) + centre + shift.
    centre = (side - 1) / 2
    a, b = cos * mirror, -sin
    c, d = sin * mirror, cos
    offset_x = centre + shift_x - (a + b) * centre
    offset_y = centre + shift_y - (c + d) * centre
    zeros = tf.zeros([batch])
    transforms = tf.stack([a, b, offset_x, c, d, offset_y, zeros, zeros], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=transforms,
        output_shape=[side, side],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )


def adjust_light(
    pixels: tf.Tensor, config: augment_config.AugmentConfig, seed: tf.Tensor
) -> tf.Tensor:
    """Changes contrast about the image's mean, then brightness. Args as of :func:`augment`."""
    batch = tf.shape(pixels)[0]
    draws = tf.random.stateless_uniform([2, batch, 1, 1, 1], tf.cast(seed, tf.int64), -1.0, 1.0)
    values = tf.cast(pixels, tf.float32)
    mean = tf.reduce_mean(values, axis=[1, 2, 3], keepdims=True)
    contrast = 1.0 + draws[0] * config.contrast_fraction
    brightness = draws[1] * (config.brightness_fraction * 255)
    values = (values - mean) * contrast + mean + brightness
    return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8)
