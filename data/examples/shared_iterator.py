"""One iterator for several epochs: what TensorFlow prepares for an iterator is prepared once."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from data.examples import reading


class SharedIterator:
    """Gives the epochs of a training as data sets, of which those that follow one another share an iterator.

    Keras makes an iterator for each call of fit. Here such an iterator only takes batches from one
    that goes on, and that reads into the next epoch while the model is evaluated. An epoch that
    does not follow the last one starts another.

    Args:
      batches_per_epoch: batches in a whole epoch.
      make: (epoch, batches to skip in it, number of epochs) → their batches in order.
    """

    def __init__(
        self, batches_per_epoch: int, make: Callable[[int, int, int], tf.data.Dataset]
    ) -> None:
        self._batches_per_epoch, self._make = batches_per_epoch, make
        self._part: Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset] | None = None
        self._next = self._end = 0  # the epochs that the iterator has yet to give

    def epoch(self, epoch: int, skip_batches: int, following: int) -> tf.data.Dataset:
        """Returns the batches of an epoch after the skipped ones.

        Args:
          epoch: its number, 0 or more.
          skip_batches: number of batches to leave out at its start.
          following: how many epochs will be asked for after this one, at most. If there are any, this
            one must be read once and whole, or reading fails with InvalidArgumentError.
        """
        if self._part is None or skip_batches or not self._next == epoch < self._end:
            self.close()
            if not following:
                return self._make(epoch, skip_batches, 1)
            first = epoch * self._batches_per_epoch + skip_batches
            numbered = self._make(epoch, skip_batches, 1 + following).enumerate(first)
            self._part = _parts(iter(reading.untuned(numbered).prefetch(1)))
            self._end = epoch + 1 + following
        self._next = epoch + 1
        start = epoch * self._batches_per_epoch
        places = (start + skip_batches, start + self._batches_per_epoch)
        part = self._part(*(tf.constant(place, tf.int64) for place in places))
        return reading.untuned(part)

    def close(self) -> None:
        """Ends what is read ahead."""
        self._part, self._next, self._end = None, 0, 0


def _parts(iterator: Any) -> Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]:
    """Returns a function from two places, each int64 [], to the batches from one to before the other.

    Args:
      iterator: gives places in order and the batches there.
    """

    @tf.autograph.experimental.do_not_convert
    def take(place: tf.Tensor) -> Any:
        found, batch = iterator.get_next()
        message = "the batches of an epoch were not read once, whole and in order"
        with tf.control_dependencies([tf.debugging.assert_equal(found, place, message)]):
            return tf.nest.map_structure(tf.identity, batch)

    # Traced once an iterator, not once an epoch.
    @tf.function(autograph=False)
    def part(start: tf.Tensor, stop: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(start, stop).map(take)

    return part  # type: ignore[no-any-return]
