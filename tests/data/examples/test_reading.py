"""Data sets that are read as they are written: nothing of them is rewritten or tuned."""

import tensorflow as tf

from data.examples import reading, records


def test_records_come_in_the_order_of_the_shards(tmp_path):
    paths = [str(tmp_path / "Split-train" / name) for name in ("b", "a")]
    for path in paths:
        records.write(path, [f"{path[-1]}{number}".encode() for number in range(2)])
    assert list(reading.records(paths).as_numpy_iterator()) == [b"b0", b"b1", b"a0", b"a1"]
    assert list(reading.records(paths[1]).as_numpy_iterator()) == [b"a0", b"a1"]


def test_what_is_made_of_a_data_set_is_not_tuned_either():
    numbers = reading.untuned(tf.data.Dataset.range(4))
    joined = tf.data.Dataset.zip((tf.data.Dataset.range(4), numbers.map(lambda one: one + 1)))
    for made in (numbers, joined.filter(lambda one, _: one > 1).batch(2).prefetch(1)):
        options = made.options()
        assert options.autotune.enabled is False
        assert options.experimental_optimization.apply_default_optimizations is False
