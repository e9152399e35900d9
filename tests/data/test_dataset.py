import numpy as np
import pytest

from data import augment_config, dataset, example, records

SIZE = 8
COUNT = 50


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("pixels") / "Split-train"
    generator = np.random.default_rng(0)
    for shard in range(2):
        path = str(root / records.shard_name(shard, 2))
        labels = range(shard * COUNT // 2, (shard + 1) * COUNT // 2)
        images = generator.integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)
        records.write(path, [example.encode_pixels(images[i], i, b"0") for i in labels])
    return records.files(str(root))


def training(files, seed=1):
    return dataset.training_batches(files, COUNT, SIZE, 16, augment_config.AugmentConfig(), seed)


def test_evaluation_has_every_record_once_in_order(files):
    batches = list(dataset.evaluation_batches(files, COUNT, SIZE, 16).as_numpy_iterator())
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2]
    assert np.concatenate([labels for _, labels in batches]).tolist() == list(range(COUNT))
    assert batches[0][0].shape == (16, SIZE, SIZE, 3)
    assert batches[0][0].dtype == np.uint8


def test_the_length_of_an_epoch_is_known(files):
    for batches in (training(files), dataset.evaluation_batches(files, COUNT, SIZE, 16)):
        assert batches.cardinality().numpy() == 4
        assert len(list(batches)) == 4


def test_evaluation_is_never_augmented(files):
    one = [
        pixels
        for pixels, _ in dataset.evaluation_batches(files, COUNT, SIZE, 50).as_numpy_iterator()
    ]
    two = [
        pixels
        for pixels, _ in dataset.evaluation_batches(files, COUNT, SIZE, 50).as_numpy_iterator()
    ]
    np.testing.assert_array_equal(one, two)


def test_training_has_every_record_once_an_epoch_in_new_order_and_new_pixels(files):
    batches = training(files)
    epochs = [list(batches.as_numpy_iterator()) for _ in range(2)]
    orders = [np.concatenate([labels for _, labels in epoch]).tolist() for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(COUNT))
    assert orders[0] != orders[1] != list(range(COUNT))
    by_label = [
        {
            label: image
            for images, labels in epoch
            for image, label in zip(images, labels, strict=True)
        }
        for epoch in epochs
    ]
    assert any((by_label[0][label] != by_label[1][label]).any() for label in range(COUNT))


def test_training_repeats_for_a_seed(files):
    one, two = (list(training(files).as_numpy_iterator()) for _ in range(2))
    for (pixels, labels), (same_pixels, same_labels) in zip(one, two, strict=True):
        np.testing.assert_array_equal(pixels, same_pixels)
        np.testing.assert_array_equal(labels, same_labels)
    other = list(training(files, seed=2).as_numpy_iterator())
    assert other[0][1].tolist() != one[0][1].tolist()
