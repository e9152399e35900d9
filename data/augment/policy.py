"""RandAugment and TrivialAugment: choose the operations on an image and their strengths.

Both draw from the same 14 operations. The five geometric ones become maps for the single warp,
the others follow on its pixels; so the geometric ones are applied first, in the order drawn,
then the photometric ones, in the order drawn. Dimension letters: B batch.

Sources: Cubuk et al., 2019, RandAugment, https://arxiv.org/abs/1909.13719; Müller & Hutter, 2021,
TrivialAugment, https://arxiv.org/abs/2103.10158, its "wide" space. Strengths as in torchvision.
"""

import math
from dataclasses import dataclass

import tensorflow as tf

from data.augment import augment_config, photometric, randomness, warp
from data.images import fixed_point

GEOMETRY = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
OPERATIONS = photometric.OPERATIONS + GEOMETRY


@dataclass(frozen=True)
class Space:
    """The extents of the operations at strength 1.

    Attributes:
      shear: the shift of a row for each row of distance from the centre.
      translation: in sides.
      rotation: in radians.
      blend: the difference of a brightness, contrast, colour or sharpness factor from 1.
      posterize_bits: how many of 8 are dropped.
    """

    shear: float
    translation: float
    rotation: float
    blend: float
    posterize_bits: int


SPACES = {
    "randaugment": Space(0.3, 150 / 331, math.radians(30), 0.9, 4),
    "trivialaugment": Space(0.99, 32 / 224, math.radians(135), 0.99, 6),
}


@dataclass(frozen=True)
class Step:
    """One operation on each image of a batch.

    Attributes:
      operations: int32 [B], indices into ``OPERATIONS``.
      strengths: float64 [B] in [-1, 1]; the sign is the direction, if there is one.
    """

    operations: tf.Tensor
    strengths: tf.Tensor


def steps(draws: tf.Tensor, config: augment_config.AugmentConfig) -> list[Step]:
    """Draws the operations.

    Args:
      draws: float64 [B, DRAWS] in [0, 1).
      config: the policy, its number of operations and its magnitude.

    Returns:
      The operations in order; none without a policy.
    """
    if config.policy == "none":
        return []
    random = config.policy == "randaugment"
    drawn = []
    for number in range(config.policy_operations if random else 1):
        first = randomness.Draw.POLICY + number * randomness.DRAWS_PER_POLICY_OPERATION
        operations = tf.cast(draws[:, first] * len(OPERATIONS), tf.int32)
        sign = tf.where(draws[:, first + 1] < 0.5, tf.constant(-1.0, tf.float64), 1.0)
        size = config.policy_magnitude if random else draws[:, first + 2]
        drawn.append(Step(operations, sign * size))
    return drawn


def maps(drawn: list[Step], config: augment_config.AugmentConfig) -> list[tf.Tensor]:
    """Returns the steps' geometry: float64 [B, 3, 3], the identity for other operations."""
    if not drawn:
        return []
    space = SPACES[config.policy]
    return [_map(step, space) for step in drawn]


def operate(
    pixels: tf.Tensor, drawn: list[Step], config: augment_config.AugmentConfig
) -> tf.Tensor:
    """Applies the photometric operations among the steps to uint8 [B, S, S, 3]."""
    if not drawn:
        return pixels
    space, own = SPACES[config.policy], len(photometric.OPERATIONS)
    identity = photometric.OPERATIONS.index("identity")
    chosen = [tf.where(step.operations < own, step.operations, identity) for step in drawn]
    amounts = [_amounts(step, space) for step in drawn]
    return photometric.operate(pixels, tf.stack(chosen, axis=1), tf.stack(amounts, axis=1))


def _map(step: Step, space: Space) -> tf.Tensor:
    def strength_of(name: str) -> tf.Tensor:
        chosen = step.operations == OPERATIONS.index(name)
        return tf.where(chosen, step.strengths, tf.zeros_like(step.strengths))

    angle = strength_of("rotate") * space.rotation
    cos, sin = tf.cos(angle), tf.sin(angle)
    shear_x, shear_y = (strength_of(name) * space.shear for name in ("shear_x", "shear_y"))
    shift_x, shift_y = (
        strength_of(name) * space.translation for name in ("translate_x", "translate_y")
    )
    # At most one of them is not zero, so their sum selects it.
    return warp.matrix((cos, shear_x - sin, shear_y + sin, cos), (shift_x, shift_y))


def _amounts(step: Step, space: Space) -> tf.Tensor:
    """Returns the amounts for photometric.operate: int32 [B]."""
    size = tf.abs(step.strengths)
    bits = 8 - tf.cast(tf.round(size * space.posterize_bits), tf.int32)
    # From 256, which no level reaches, down to 0.
    threshold = 256 - tf.cast(tf.round(size * 256), tf.int32)
    amounts = fixed_point.of(1.0 + step.strengths * space.blend)
    for name, values in (("posterize", bits), ("solarize", threshold)):
        chosen = step.operations == photometric.OPERATIONS.index(name)
        amounts = tf.where(chosen, values, amounts)
    return amounts
