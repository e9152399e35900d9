"""Mixup and CutMix: mixes pairs of images and their targets.

Dimension letters: B batch, H W C image or feature map, K classes.
"""

import tensorflow as tf

from data.augment import augment_config


def mix(
    inputs: tf.Tensor, targets: tf.Tensor, config: augment_config.MixConfig, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes each element of a shuffled batch with its neighbour, with a random share for each.

    Mixup is a weighted sum of the two: Zhang et al., 2017, https://arxiv.org/abs/1710.09412.
    CutMix pastes a box of one into the other and weights the targets by area: Yun et al., 2019,
    https://arxiv.org/abs/1905.04899. If both are on, each batch draws one.

    Args:
      inputs: uint8 or float [B, ...]; [B, H, W, C] for CutMix, at any resolution.
      targets: float32 [B, K], probabilities.
      config: the parameters of the Beta distributions that the shares are drawn from.
      seed: int64 [2]; the same seed mixes the same batch in the same way.

    Returns:
      inputs of the same dtype, uint8 rounded, and targets float32 [B, K].

    Raises:
      ValueError: CutMix is on and the inputs are not [B, H, W, C].
    """
    inputs, targets = tf.convert_to_tensor(inputs), tf.convert_to_tensor(targets)
    if config.cutmix_alpha and inputs.shape.rank != 4:
        raise ValueError(
            f"CutMix needs inputs [B, H, W, C], got the shape {inputs.shape}; set cutmix_alpha to 0"
        )
    if not (config.mixup_alpha or config.cutmix_alpha):
        return inputs, targets
    seeds = tf.unstack(tf.random.split(tf.cast(seed, tf.int64), 4))
    batch = tf.shape(inputs)[0]
    kept = _kept(inputs, config, seeds)
    share = tf.reduce_mean(tf.reshape(kept, [batch, -1]), axis=1)
    mixed = _blend(tf.cast(inputs, tf.float32), kept)
    if inputs.dtype.is_integer:
        mixed = tf.round(mixed)
    return tf.cast(mixed, inputs.dtype), _blend(targets, share[:, None])


def beta(alpha: float, count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws from the symmetric Beta distribution, as a ratio of two Gamma variables.

    Args:
      alpha: both parameters, above 0.
      count: how many, int32 [].
      seed: int64 [2].

    Returns:
      float32 [count] in [0, 1].
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    # float64: with a small alpha, both variables often underflow float32.
    first, second = (
        tf.random.stateless_gamma([count], one, alpha, dtype=tf.float64) for one in seeds
    )
    total = first + second
    share = tf.where(total > 0, first / tf.where(total > 0, total, 1.0), 0.5)
    return tf.cast(share, tf.float32)


def _kept(inputs: tf.Tensor, config: augment_config.MixConfig, seeds: list[tf.Tensor]) -> tf.Tensor:
    """Returns the share that each element keeps, float32, broadcastable to the inputs."""
    batch, ones = tf.shape(inputs)[0], [1] * (inputs.shape.rank - 1)
    mixup = cutmix = None
    if config.mixup_alpha:
        mixup = tf.reshape(beta(config.mixup_alpha, batch, seeds[0]), [batch, *ones])
    if config.cutmix_alpha:
        cutmix = _outside_box(inputs, beta(config.cutmix_alpha, batch, seeds[1]), seeds[2])
    if mixup is None or cutmix is None:
        return cutmix if mixup is None else mixup
    return tf.where(tf.random.stateless_uniform([], seeds[3]) < 0.5, mixup, cutmix)


def _outside_box(inputs: tf.Tensor, share: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns a mask float32 [B, H, W, 1]: 0 in a box of area 1 − share, clipped, else 1."""
    side = tf.sqrt(1 - share)
    centres = tf.random.stateless_uniform([2, tf.shape(inputs)[0]], seed)

    def inside(length: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
        places = (tf.cast(tf.range(length), tf.float32) + 0.5) / tf.cast(length, tf.float32)
        return tf.abs(places[None, :] - centre[:, None]) < side[:, None] / 2

    shape = tf.shape(inputs)
    rows, columns = inside(shape[1], centres[0]), inside(shape[2], centres[1])
    box = rows[:, :, None, None] & columns[:, None, :, None]
    return tf.cast(~box, tf.float32)


def _blend(values: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    """Mixes each element's share with the rest of its neighbour in the shuffled batch."""
    return kept * values + (1 - kept) * tf.roll(values, 1, axis=0)
