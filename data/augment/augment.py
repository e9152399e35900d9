"""Random changes to batches of training images. Never at evaluation or serving.

In this order: one warp (random crop; flips, rotation, zoom and translation; the geometry of the
policy), saturation, contrast and brightness, the other operations of the policy, the changes in
``changes/``, of which erasing is the last.

Random numbers are drawn apart from their use, see ``randomness``; :func:`apply` is a pure
function of an image and its draws. Dimension letters: B batch, S side in pixels.
"""

import enum
import functools
from collections.abc import Callable

import tensorflow as tf

from data.augment import augment_config, photometric, policy, randomness, registry, warp

DRAWS = randomness.DRAWS
batch_draws = randomness.batch_draws
view_draws = randomness.view_draws


def augment(pixels: tf.Tensor, config: augment_config.AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Applies every change of the config, with new random draws for each image.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255.
      config: the extents.
      seed: int64 [2]; the same seed changes the same batch in the same way.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    return apply(pixels, batch_draws(seed, tf.shape(pixels)[0]), config)


def apply(pixels: tf.Tensor, draws: tf.Tensor, config: augment_config.AugmentConfig) -> tf.Tensor:
    """Changes each image according to its draws.

    The result for an image depends only on its own pixels and draws, not on the batch.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255; S is known and from 2 to 1024.
      draws: float32 [B, DRAWS] in [0, 1).
      config: the extents.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    pixels = tf.convert_to_tensor(pixels)
    if is_identity(config):
        return pixels
    # Luma needs three channels at once: in one pass with the warp, each would be warped four times.
    stages = [Stage.WARP, Stage.REST] if config.saturation_fraction else [Stage.WARP | Stage.REST]
    for stage in stages:
        pixels = _compiled(config, stage)(pixels, tf.convert_to_tensor(draws))
    return pixels


def apply_to_masks(
    masks: tf.Tensor, draws: tf.Tensor, config: augment_config.AugmentConfig
) -> tf.Tensor:
    """Moves masks as :func:`apply` moves the images of the same draws; no value is invented.

    Args:
      masks: uint8 [B, S, S], class numbers; S is known and from 2 to 1024.
      draws: float32 [B, DRAWS] in [0, 1), those of the images.
      config: the extents; what changes colours does not touch a mask.

    Returns:
      uint8 [B, S, S].
    """
    masks = tf.convert_to_tensor(masks)
    if is_identity(config):
        return masks
    return _compiled_for_masks(config)(masks, tf.convert_to_tensor(draws))


@functools.lru_cache(maxsize=64)
def _compiled_for_masks(
    config: augment_config.AugmentConfig,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    @tf.function(jit_compile=True, autograph=False)
    def change(masks: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        draws = tf.cast(draws, tf.float64)
        maps = warp.changes(draws, config) + policy.maps(policy.steps(draws, config), config)
        return warp.sample_nearest(masks, maps, config.border) if maps else masks

    return change  # type: ignore[no-any-return]


class Stage(enum.Flag):
    """A stage of the augmentation that is compiled as one function."""

    WARP = enum.auto()
    REST = enum.auto()


# XLA makes one pass over the pixels out of dozens of operations: on one core, 0.4 ms for an image
# of 160×160 with the default changes, where ImageProjectiveTransformV3 alone takes 1 ms and the
# same operations one after another take 4.
@functools.lru_cache(maxsize=64)
def _compiled(
    config: augment_config.AugmentConfig, stage: Stage
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns one stage of :func:`apply`, compiled."""

    @tf.function(jit_compile=True, autograph=False)
    def change(pixels: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        draws = tf.cast(draws, tf.float64)
        steps = policy.steps(draws, config)
        changed = pixels
        if Stage.WARP in stage:
            maps = warp.changes(draws, config) + policy.maps(steps, config)
            changed = warp.sample(changed, maps, config.border) if maps else changed
        if Stage.REST in stage:
            # About the mean before the warp, so that this does not have to wait for the warp.
            changed = photometric.adjust(changed, photometric.mean_levels(pixels), draws, config)
            changed = policy.operate(changed, steps, config)
            for one in registry.on(config):
                changed = one.apply(changed, draws, config)
        return changed

    return change  # type: ignore[no-any-return]


def is_identity(config: augment_config.AugmentConfig) -> bool:
    """Returns whether the config leaves every image as it is."""
    changed = (
        config.horizontal_flip,
        config.vertical_flip,
        config.rotation_degrees,
        config.zoom_fraction,
        config.translation_fraction,
        config.brightness_fraction,
        config.contrast_fraction,
        config.saturation_fraction,
        config.crop_min_area_fraction < 1,
        registry.on(config),
        config.policy != "none",
    )
    return not any(changed)
