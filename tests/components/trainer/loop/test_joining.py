"""Images shown in one another, in the batches of an epoch."""

import numpy as np
import pydantic
import pytest
import tensorflow as tf

from components.trainer import config
from components.trainer.loop import sources
from data.augment import augment_config
from tasks.classification import target as of_classes
from tasks.detection import target

ALWAYS = augment_config.JoinConfig(mosaic_probability=1.0)


def order(**options):
    annotation = target.TARGET.of(2, 32)
    return sources.Order(4, 7, annotation, augment_config.MixConfig(), **options)


def batches():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    rows = np.zeros((12, target.MAX_OBJECTS, 6), np.float32)
    rows[..., target.CLASS_ID] = -1
    rows[:, 0] = [0.1, 0.1, 0.9, 0.9, 1, 0]
    return tf.data.Dataset.from_tensor_slices((pixels, rows)).batch(4)


def listed(dataset):
    return [(pixels.numpy(), rows.numpy()) for pixels, rows in dataset]


def test_batches_are_joined_anew_in_each_epoch_and_can_be_entered_in_the_middle():
    whole = listed(order(join=ALWAYS).joined(batches(), 3, 0))
    again = listed(order(join=ALWAYS).joined(batches().skip(1), 3, 1))
    for one, other in zip(whole[1:], again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    other = listed(order(join=ALWAYS).joined(batches(), 4, 0))
    assert not np.array_equal(whole[0][0], other[0][0])
    assert ((whole[0][1][..., target.CLASS_ID] == 1).sum(axis=1) > 1).all()


def test_without_the_setting_nothing_changes():
    given = batches()
    assert order().joined(given, 0, 0) is given


def test_only_boxes_can_be_joined():
    annotation = of_classes.TARGET.of(2)
    with pytest.raises(ValueError, match="apply to boxes only"):
        annotation.joined(tf.zeros([1, 8, 8, 3], tf.uint8), tf.zeros([1]), ALWAYS, tf.zeros([2]))


def test_features_of_single_images_are_not_cached_then():
    with pytest.raises(pydantic.ValidationError, match=r"give cache\.views 0 or auto"):
        config.TrainConfig(join=ALWAYS, cache=config.CacheConfig(views=4))
