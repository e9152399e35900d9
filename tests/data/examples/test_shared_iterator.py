import pytest
import tensorflow as tf

from data.examples import shared_iterator

BATCHES = 3


class Made:
    """Batches that state their epoch and index, and which iterators were made for them."""

    def __init__(self):
        self.calls = []
        self.shared = shared_iterator.SharedIterator(BATCHES, self.make)

    def make(self, epoch: int, skip_batches: int, count: int) -> tf.data.Dataset:
        self.calls.append((epoch, skip_batches, count))
        places = range(epoch * BATCHES + skip_batches, (epoch + count) * BATCHES)
        pairs = [(place // BATCHES, place % BATCHES) for place in places]
        return tf.data.Dataset.from_tensor_slices(pairs).map(lambda pair: (pair[0], pair[1]))

    def read(self, *place: int) -> list[tuple[int, int]]:
        return [(int(e), int(i)) for e, i in self.shared.epoch(*place).as_numpy_iterator()]


def whole(epoch: int) -> list[tuple[int, int]]:
    return [(epoch, index) for index in range(BATCHES)]


def test_epochs_in_a_row_share_an_iterator_and_each_has_its_own_batches():
    made = Made()
    read = [made.read(2, 1, 2), made.read(3, 0, 1), made.read(4, 0, 0)]
    assert read == [whole(2)[1:], whole(3), whole(4)]
    assert made.calls == [(2, 1, 3)]


def test_another_place_starts_another_iterator():
    made = Made()
    assert made.read(0, 0, 5) == whole(0)
    assert made.read(2, 0, 5) == whole(2)
    assert made.read(3, 2, 1) == whole(3)[2:]
    made.shared.close()
    assert made.read(4, 0, 1) == whole(4)
    assert made.calls == [(0, 0, 6), (2, 0, 6), (3, 2, 2), (4, 0, 2)]


def test_a_single_epoch_may_be_read_again():
    made = Made()
    batches = made.shared.epoch(1, 0, 0)
    assert [len(list(batches)) for _ in range(2)] == [BATCHES, BATCHES]
    assert made.calls == [(1, 0, 1)]


def test_batches_are_never_taken_for_those_of_another_epoch():
    made = Made()
    next(iter(made.shared.epoch(0, 0, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="once, whole and in order"):
        made.read(1, 0, 1)
