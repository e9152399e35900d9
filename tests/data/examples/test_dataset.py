import collections

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment_config
from data.examples import dataset, example, records
from tasks.classification import target

SIZE = 8
COUNT = 50
BATCH = 16
ANNOTATION = target.TARGET.of(COUNT)
PLAIN = augment_config.AugmentConfig().scaled(0).model_copy(update={"horizontal_flip": False})


def write(root, labels, shards=2) -> list[str]:
    """Shards of random pixels; the digest of a record is its number."""
    generator = np.random.default_rng(0)
    bounds = np.linspace(0, len(labels), shards + 1).astype(int)
    for shard in range(shards):
        written = [
            example.encode_pixels(
                generator.integers(0, 256, (SIZE, SIZE, 3), np.uint8),
                ANNOTATION.encode(labels[i]),
                b"%d" % i,
            )
            for i in range(bounds[shard], bounds[shard + 1])
        ]
        records.write(str(root / records.shard_name(shard, shards)), written)
    return records.files(str(root))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    return write(tmp_path_factory.mktemp("pixels") / "Split-train", range(COUNT))


@pytest.fixture(scope="module")
def unbalanced(tmp_path_factory) -> list[str]:
    """400 records of class 0, 80 of class 1, 20 of class 2."""
    labels = [0] * 400 + [1] * 80 + [2] * 20
    order = np.random.default_rng(1).permutation(len(labels))
    root = tmp_path_factory.mktemp("unbalanced") / "Split-train"
    return write(root, [labels[i] for i in order], shards=3)


def training(files, config=None, seed=1, count=COUNT, **options):
    config = augment_config.AugmentConfig() if config is None else config
    return list(
        dataset.training_batches(
            files, count, SIZE, BATCH, ANNOTATION, config, seed, **options
        ).as_numpy_iterator()
    )


def labels_of(batches) -> list[int]:
    return np.concatenate([labels for _, labels in batches]).tolist()


def assert_same(one, two):
    assert len(one) == len(two)
    for (pixels, labels), (same_pixels, same_labels) in zip(one, two, strict=True):
        np.testing.assert_array_equal(labels, same_labels)
        np.testing.assert_array_equal(pixels, same_pixels)


def test_evaluation_has_every_record_once_in_order(files):
    batches = list(
        dataset.evaluation_batches(files, COUNT, SIZE, BATCH, ANNOTATION).as_numpy_iterator()
    )
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2]
    assert labels_of(batches) == list(range(COUNT))
    assert batches[0][0].shape == (BATCH, SIZE, SIZE, 3)
    assert batches[0][0].dtype == np.uint8


def test_evaluation_is_never_augmented(files):
    one, two = (
        list(dataset.evaluation_batches(files, COUNT, SIZE, BATCH, ANNOTATION).as_numpy_iterator())
        for _ in range(2)
    )
    assert_same(one, two)


@pytest.mark.parametrize("skipped", [0, 1, 4])
def test_the_length_of_an_epoch_is_known(files, skipped):
    config = augment_config.AugmentConfig()
    batches = dataset.training_batches(
        files, COUNT, SIZE, BATCH, ANNOTATION, config, 1, skip_batches=skipped
    )
    assert batches.cardinality().numpy() == len(list(batches)) == 4 - skipped
    assert (
        dataset.evaluation_batches(files, COUNT, SIZE, BATCH, ANNOTATION).cardinality().numpy() == 4
    )


def test_an_epoch_has_every_record_once_in_an_order_and_changes_of_its_own(files):
    epochs = [training(files, epoch=epoch) for epoch in range(3)]
    orders = [labels_of(epoch) for epoch in epochs]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len({tuple(order) for order in [*orders, range(COUNT)]}) == 4
    by_label = [
        {
            label: image.tobytes()
            for images, labels in epoch
            for image, label in zip(images, labels, strict=True)
        }
        for epoch in epochs
    ]
    repeated = sum(by_label[0][label] == by_label[1][label] for label in range(COUNT))
    assert repeated <= 2


def test_an_epoch_is_a_function_of_its_arguments(files):
    first = training(files, epoch=3)
    assert_same(training(files[::-1], epoch=3), first)
    for state in (1, 2):
        # Neither the global seed nor the state of its generators matters.
        tf.random.set_seed(state)
        tf.random.uniform([])
        dataset._maker.cache_clear()
        assert_same(training(files, epoch=3), first)
    one = dataset.training_batches(
        files, COUNT, SIZE, BATCH, ANNOTATION, augment_config.AugmentConfig(), 1, epoch=3
    )
    assert_same(list(one.as_numpy_iterator()), first)
    assert_same(list(one.as_numpy_iterator()), first)
    assert labels_of(training(files, seed=2, epoch=3)) != labels_of(first)


@pytest.mark.parametrize("repeats", [None, [0.5, 1.5] * 25])
@pytest.mark.parametrize("skipped", [1, 3])
def test_skipping_goes_on_where_the_whole_epoch_would(files, skipped, repeats):
    whole = training(files, epoch=2, repeats=repeats)
    rest = training(files, epoch=2, skip_batches=skipped, repeats=repeats)
    assert_same(rest, whole[skipped:])


@pytest.mark.parametrize("repeats", [None, [0.5, 1.5] * 25], ids=["once", "repeated"])
def test_several_epochs_are_those_of_each_alone(files, repeats):
    several = training(files, epoch=2, skip_batches=1, repeats=repeats, epochs=3)
    alone = [
        batch
        for epoch, skipped in ((2, 1), (3, 0), (4, 0))
        for batch in training(files, epoch=epoch, skip_batches=skipped, repeats=repeats)
    ]
    assert_same(several, alone)


def test_nothing_is_changed_where_the_model_does_it(files):
    original = {
        int(label): image
        for images, labels in dataset.evaluation_batches(files, COUNT, SIZE, BATCH, ANNOTATION)
        for image, label in zip(images.numpy(), labels.numpy(), strict=True)
    }
    for config in (PLAIN, augment_config.AugmentConfig(where="model")):
        for images, labels in training(files, config):
            for image, label in zip(images, labels, strict=True):
                np.testing.assert_array_equal(image, original[label])


def test_repeats_balance_the_classes(unbalanced):
    repeats = [500 / (3 * count) for count in (400, 80, 20)]
    counts = collections.Counter()
    for epoch in range(4):
        labels = labels_of(training(unbalanced, PLAIN, count=500, epoch=epoch, repeats=repeats))
        assert len(labels) == 500
        counts.update(labels)
    assert set(counts) == {0, 1, 2}
    for label in range(3):
        assert counts[label] == pytest.approx(4 * 500 / 3, rel=0.1)


def test_a_whole_repeat_is_exact_and_the_rest_by_chance(unbalanced):
    batches = training(unbalanced, PLAIN, count=1300, repeats=[2, 5, 3.5])
    shown = collections.Counter(
        (label, image.tobytes())
        for images, labels in batches
        for image, label in zip(images, labels, strict=True)
    )
    times = {label: collections.Counter() for label in range(3)}
    for (label, _), number in shown.items():
        times[label][number] += 1
    # All of the first pass, which has between 1,260 and 1,280 images, and some of a second one.
    assert min(times[0]) == 2
    assert min(times[1]) == 5
    assert min(times[2]) in (3, 4)


def test_a_class_of_no_repeats_is_left_out_and_the_pass_goes_on(unbalanced):
    labels = labels_of(training(unbalanced, PLAIN, count=500, repeats=[0, 1, 0.5]))
    assert len(labels) == 500
    counts = collections.Counter(labels)
    assert set(counts) == {1, 2}
    assert counts[1] / counts[2] == pytest.approx(8, rel=0.35)


def test_no_data_set_is_tuned(files):
    made = [
        dataset.evaluation_batches(files, COUNT, SIZE, BATCH, ANNOTATION),
        dataset.pixels(files, SIZE, BATCH),
        dataset.targets(files, ANNOTATION),
        dataset.training_batches(
            files, COUNT, SIZE, BATCH, ANNOTATION, augment_config.AugmentConfig(), seed=1
        ),
    ]
    assert [one.options().autotune.enabled for one in made] == [False] * 4


def test_what_cannot_be_is_refused(files):
    with pytest.raises(ValueError, match=r"skip_batches is 5; the epoch has 4 batches"):
        training(files, skip_batches=5)
    for repeats in ([0.0, 0.0], [1.0, -0.5]):
        with pytest.raises(ValueError, match=r"repeats are .*; they must be 0 or more"):
            training(files, repeats=repeats)
