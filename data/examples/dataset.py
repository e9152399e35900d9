"""Pixels records → batches for training and evaluation. Memory stays flat as data grows.

Dimension letters: B batch, S side in pixels, K classes.
"""

import functools
import hashlib
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from data.augment import augment, augment_config
from data.examples import example, reading
from data.examples.annotation import Annotation

# Batches that are ready before a step of training asks for them.
_PREFETCHED = 4
# A shuffled window, not the whole set: at 160 px it holds about 300 MB.
SHUFFLE_WINDOW = 4096
_REPEATED_AT_ONCE = 64
_TARGETS_AT_ONCE = 256
# Values of a target from which on targets are not held in memory.
_LARGE_TARGET = 4096
# With repeats only of classes without records, an endless epoch would hang silently.
_MOST_PASSES = 100
# AutoGraph has nothing to convert in the functions here, and would take half a second to find that out.
_as_written = tf.autograph.experimental.do_not_convert


def evaluation_batches(
    files: Sequence[str], count: int, size_px: int, batch_size: int, annotation: Annotation
) -> tf.data.Dataset:
    """Returns every record once, in order, unchanged.

    Args:
      files: shards of pixels records.
      count: how many records they hold, so that Keras knows the length of an epoch.
      size_px: the side S that they were written at.
      batch_size: B; the last batch may be smaller.
      annotation: what the images are annotated with.

    Returns:
      A data set of pixels uint8 [B, S, S, 3] in 0–255 and targets [B, …].
    """
    dataset = (
        reading.records(sorted(files))
        .batch(batch_size)
        .map(
            _as_written(lambda serialized: example.parse_pixels(serialized, size_px, annotation)),
            num_parallel_calls=reading.BATCHES_AT_ONCE,
            deterministic=True,
        )
    )
    return _counted(dataset, math.ceil(count / batch_size)).prefetch(2)


def pixels(files: Sequence[str], size_px: int, batch_size: int) -> tf.data.Dataset:
    """Returns the pixels uint8 [B, S, S, 3] of all records of shards, in order."""
    batches = reading.records(sorted(files)).batch(batch_size)
    return batches.map(
        _as_written(lambda serialized: example.parse_only_pixels(serialized, size_px)),
        num_parallel_calls=reading.BATCHES_AT_ONCE,
        deterministic=True,
    ).prefetch(2)


def targets(files: Sequence[str], annotation: Annotation) -> tf.data.Dataset:
    """Returns the targets [B, …] of all records of shards, in order and without their pixels."""
    batches = reading.records(sorted(files)).batch(_TARGETS_AT_ONCE)
    parse = _as_written(lambda serialized: example.parse_targets(serialized, annotation))
    return batches.map(parse)


def names(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the paths and the digests, in hex, of all records of shards, in order."""
    found: tuple[list[str], list[str]] = ([], [])
    for serialized in reading.records(sorted(files)).batch(_TARGETS_AT_ONCE):
        parsed = example.parse(serialized, [example.FILENAME, example.SHA256])
        for kept, name in zip(found, (example.FILENAME, example.SHA256), strict=True):
            kept += [value.decode("utf-8", "surrogateescape") for value in parsed[name].numpy()]
    return found


def gathered(batches: Iterable[np.ndarray], annotation: Annotation) -> np.ndarray:
    """Gathers targets [B, …] in one array [N, …]; large ones lie in a file that is deleted at once.

    Masks of many images would not fit into memory; of a file, the system keeps what is in use.
    """
    spec = annotation.spec
    kept = [np.zeros([0, *spec.shape[1:]], spec.dtype.as_numpy_dtype)]
    if math.prod(spec.shape[1:]) < _LARGE_TARGET:
        return np.concatenate([*kept, *batches])
    count = 0
    # The map has a descriptor of its own, and keeps the file until nobody uses the array any more.
    with tempfile.TemporaryFile() as file:
        for batch in batches:
            file.write(np.ascontiguousarray(batch, kept[0].dtype).tobytes())
            count += len(batch)
        file.flush()
        shape = (count, *kept[0].shape[1:])
        return np.memmap(file, kept[0].dtype, "r", shape=shape) if count else kept[0]


def training_batches(
    files: Sequence[str],
    count: int,
    size_px: int,
    batch_size: int,
    annotation: Annotation,
    config: augment_config.AugmentConfig,
    seed: int,
    epoch: int = 0,
    skip_batches: int = 0,
    repeats: Sequence[float] | None = None,
    epochs: int = 1,
) -> tf.data.Dataset:
    """Returns epochs: every record, shuffled and augmented; a pure function of its arguments.

    Each epoch has its own order and changes, the same whenever it is made; TensorFlow's global
    seed does not matter. An interrupted training resumes within its epoch by ``skip_batches``,
    which costs the reading of the skipped records. Several epochs have the batches of each alone,
    and cost less: TensorFlow prepares the compiled augmentation once an iterator, in 70 ms.

    Args:
      files: shards of pixels records.
      count: how many records they hold, and images an epoch has.
      size_px: the side S that they were written at.
      batch_size: B; the last batch may be smaller.
      annotation: what the images are annotated with.
      config: the augmentation; none happens here if the model does it.
      seed: the run's seed.
      epoch: the number of the first epoch, 0 or more.
      skip_batches: how many batches to leave out at its start.
      repeats: K numbers: how often an image of each class is in an epoch, on average. An image is
        repeated as often as the integer part states, and once more with the probability of the
        fraction. The epoch ends after ``count`` images, or starts a second pass. None means
        once each.
      epochs: how many epochs follow one another, 1 or more.

    Returns:
      A data set of pixels uint8 [B, S, S, 3] in 0–255 and targets [B, …].

    Raises:
      ValueError: ``skip_batches`` exceeds the batches, or repeats are below 0 or all 0.
    """
    batches = math.ceil(count / batch_size)
    _check(batches, skip_batches, repeats)
    make = _maker(
        tuple(sorted(files)),
        count,
        size_px,
        batch_size,
        annotation,
        config,
        None if repeats is None else tuple(repeats),
    )
    keys = tf.constant([_key(seed, epoch + number) for number in range(epochs)], tf.int64)
    skipped = tf.constant([skip_batches] + [0] * (epochs - 1), tf.int64)
    dataset = _counted(make(keys, skipped), batches * epochs - skip_batches)
    return reading.untuned(dataset).prefetch(_PREFETCHED)


# Traced once a run, not once an epoch: with few images, tracing costs more than the images.
@functools.lru_cache(maxsize=8)
def _maker(
    files: tuple[str, ...],
    count: int,
    size_px: int,
    batch_size: int,
    annotation: Annotation,
    config: augment_config.AugmentConfig,
    repeats: tuple[float, ...] | None,
) -> Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]:
    """Returns a function from epochs' keys and the batches to skip, each int64 [E], to the epochs."""
    unchanged = config.where == "model" or augment.is_identity(config)

    def change(
        key: tf.Tensor, numbered: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        index, serialized = numbered
        pixels, targets = example.parse_pixels(serialized, size_px, annotation)
        if not unchanged:
            draws = augment.batch_draws(tf.stack([key, index]), tf.shape(pixels)[0])
            pixels = augment.apply(pixels, draws, config)
            targets = annotation.moved(targets, draws, config)
        return pixels, targets

    def read(key: tf.Tensor, skip_batches: tf.Tensor) -> tf.data.Dataset:
        dataset = _shuffled(files, key, annotation, repeats)
        if repeats is not None:
            dataset = dataset.take(count)
        # Before anything is parsed or changed, so that skipping is cheap.
        dataset = dataset.batch(batch_size).enumerate().skip(skip_batches)
        return tf.data.Dataset.zip((tf.data.Dataset.from_tensors(key).repeat(), dataset))

    change, read = (_as_written(each) for each in (change, read))
    vectors = [tf.TensorSpec([None], tf.int64)] * 2

    @tf.function(autograph=False, input_signature=vectors)
    def make(keys: tf.Tensor, skip_batches: tf.Tensor) -> tf.data.Dataset:
        dataset = tf.data.Dataset.from_tensor_slices((keys, skip_batches)).flat_map(read)
        return dataset.map(change, num_parallel_calls=reading.BATCHES_AT_ONCE, deterministic=True)

    return make  # type: ignore[no-any-return]


def _check(batches: int, skip_batches: int, repeats: Sequence[float] | None) -> None:
    if not 0 <= skip_batches <= batches:
        raise ValueError(f"skip_batches is {skip_batches}; the epoch has {batches} batches")
    if repeats is not None and not (min(repeats) >= 0 and 0 < sum(repeats) < math.inf):
        raise ValueError(f"repeats are {list(repeats)}; they must be 0 or more, one of them above")


def _key(seed: int, epoch: int) -> int:
    """Returns the seed of all randomness in an epoch, in 0 … 2⁶³ − 1."""
    digest = hashlib.shake_256(f"{seed}/{epoch}".encode()).digest(8)
    return int.from_bytes(digest, "big") >> 1


def _counted(dataset: tf.data.Dataset, batches: int) -> tf.data.Dataset:
    return dataset.apply(tf.data.experimental.assert_cardinality(batches))


def _shuffled(
    files: tuple[str, ...],
    key: tf.Tensor,
    annotation: Annotation,
    repeats: tuple[float, ...] | None,
) -> tf.data.Dataset:
    """Returns serialised records, string [], shuffled by the key only; many passes with repeats.

    Call it within a tf.function: tf.data combines its seeds with TensorFlow's global seed, and
    inside a function that is the function's own.
    """

    def one_pass(number: tf.Tensor | int) -> tf.data.Dataset:
        tf.random.set_seed(1)
        order = key + number
        dataset = _interleaved(files, order)
        if repeats is not None:
            dataset = _repeated(dataset, annotation, repeats, tf.stack([key, number]))
        return dataset.shuffle(SHUFFLE_WINDOW, order, reshuffle_each_iteration=False)

    if repeats is None:
        return one_pass(0)
    passes = tf.data.Dataset.range(_MOST_PASSES)
    return passes.flat_map(_as_written(one_pass))


def _interleaved(files: tuple[str, ...], order: tf.Tensor) -> tf.data.Dataset:
    """Returns the records of shards, of which some are read at a time."""
    if len(files) == 1:  # each function in a data set costs each epoch some milliseconds
        return tf.data.TFRecordDataset(files[0])
    names = tf.data.Dataset.from_tensor_slices(list(files))
    return names.shuffle(len(files), order, reshuffle_each_iteration=False).interleave(
        tf.data.TFRecordDataset,
        cycle_length=4,
        block_length=16,
        num_parallel_calls=4,
        deterministic=True,
    )


def _repeated(
    records: tf.data.Dataset,
    annotation: Annotation,
    repeats: tuple[float, ...],
    seed: tf.Tensor,
) -> tf.data.Dataset:
    """Repeats each record as its classes require; randomness depends on the record's position."""

    def repeat(index: tf.Tensor, serialized: tf.Tensor) -> tf.Tensor:
        targets = example.parse_targets(serialized, annotation)
        wanted = annotation.repeats(targets, tf.constant(repeats, tf.float32))
        place = tf.random.experimental.stateless_fold_in(seed, index)
        chance = tf.random.stateless_uniform(tf.shape(wanted), place)
        times = tf.floor(wanted) + tf.cast(chance < wanted - tf.floor(wanted), tf.float32)
        return tf.repeat(serialized, tf.cast(times, tf.int32))

    repeat = _as_written(repeat)
    return records.batch(_REPEATED_AT_ONCE).enumerate().map(repeat).unbatch()
