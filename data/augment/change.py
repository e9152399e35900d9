"""The interface of a random change of pixels. One file in ``changes/`` defines each.

Dimension letters: B batch, S side in pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from data.augment import augment_config


@dataclass(frozen=True)
class Change:
    """A random change of pixels, after the warp, the photometric changes and the policy.

    Attributes:
      is_on: config → true where it changes anything.
      apply: changes pixels uint8 [B, S, S, 3] in 0–255 by draws float64 [B, DRAWS] in [0, 1); see
        ``randomness.own`` for random numbers of its own. It is compiled by XLA, and computes with
        integers, see ``fixed_point``.
      place: the position among the changes, the lowest first; equal ones by name.
    """

    is_on: Callable[[augment_config.AugmentConfig], bool]
    apply: Callable[[tf.Tensor, tf.Tensor, augment_config.AugmentConfig], tf.Tensor]
    place: int = 0
