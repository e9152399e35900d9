"""Pixels records → batches for training and evaluation. Memory stays flat as data grows.

Dimension letters: B batch, S side in pixels.
"""

import tensorflow as tf

from data import augment, augment_config, example

# A shuffled window, not the whole set: at 160 px it holds about 300 MB.
SHUFFLE_WINDOW = 4096


def evaluation_batches(
    files: list[str], count: int, size_px: int, batch_size: int
) -> tf.data.Dataset:
    """Every record once, in order, unchanged.

    Args:
      files: shards of pixels records.
      count: how many records they hold, so that Keras knows the length of an epoch.
      size_px: the side S that they were written at.
      batch_size: B; the last batch may be smaller.

    Returns:
      A data set of pixels uint8 [B, S, S, 3] in 0–255 and label_ids int64 [B].
    """
    dataset = tf.data.TFRecordDataset(sorted(files)).batch(batch_size)
    return _counted(_parsed(dataset, size_px), count, batch_size).prefetch(2)


def training_batches(
    files: list[str],
    count: int,
    size_px: int,
    batch_size: int,
    config: augment_config.AugmentConfig,
    seed: int,
) -> tf.data.Dataset:
    """Every record once an epoch, shuffled and augmented anew in each, the same for one seed.

    Args and returns as of :func:`evaluation_batches`.
    """
    names = tf.data.Dataset.from_tensor_slices(sorted(files))
    names = names.shuffle(len(files), seed=seed)
    dataset = names.interleave(
        tf.data.TFRecordDataset,
        cycle_length=4,
        block_length=16,
        num_parallel_calls=4,
        deterministic=True,
    )
    dataset = dataset.shuffle(SHUFFLE_WINDOW, seed=seed).batch(batch_size)
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)
    dataset = tf.data.Dataset.zip(_parsed(dataset, size_px), seeds)

    def change(
        record: tuple[tf.Tensor, tf.Tensor], batch_seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, label_ids = record
        return augment.augment(pixels, config, batch_seed), label_ids

    dataset = dataset.map(change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _counted(dataset, count, batch_size).prefetch(tf.data.AUTOTUNE)


def _counted(dataset: tf.data.Dataset, count: int, batch_size: int) -> tf.data.Dataset:
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-count // batch_size)))


def _parsed(dataset: tf.data.Dataset, size_px: int) -> tf.data.Dataset:
    return dataset.map(
        lambda serialized: example.parse_pixels(serialized, size_px),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
