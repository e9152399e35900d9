import json

import keras
import numpy as np
import pydantic
import pytest
import tensorflow as tf

from components.trainer.network import augment_layer
from data.augment import augment, augment_config
from tests.data.pictures import noise

CONFIG = augment_config.AugmentConfig(saturation_fraction=0.2, erase_probability=0.5)
PIXELS = np.stack([np.asarray(noise(24, 24, seed)) for seed in range(6)])
RANDOM_OPERATIONS = ("Random", "Uniform", "Philox", "StatefulRng")


def layer(
    seed: int = 1, config: augment_config.AugmentConfig = CONFIG
) -> augment_layer.Augmentation:
    return augment_layer.Augmentation(config.model_dump(mode="json"), seed)


def model(seed: int = 1) -> keras.Model:
    pixels = keras.Input((24, 24, 3), dtype="uint8")
    return keras.Model(pixels, keras.layers.Rescaling(1 / 255)(layer(seed)(pixels)))


def operations(function) -> set[str]:
    """Returns the types of all operations of a concrete function and of those that it calls."""
    graph = function.graph.as_graph_def()
    nodes = list(graph.node)
    for called in graph.library.function:
        nodes += called.node_def
    return {node.op for node in nodes}


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_draws_mean_the_same_as_in_tf_data(dtype):
    draws = augment.batch_draws(tf.constant([1, 2], tf.int64), len(PIXELS))
    dataset = tf.data.Dataset.from_tensors((PIXELS, draws))
    expected = next(iter(dataset.map(lambda *batch: augment.apply(*batch, CONFIG))))
    changed = layer().apply(tf.cast(PIXELS, dtype), draws)
    assert changed.dtype == dtype
    np.testing.assert_array_equal(changed, tf.cast(expected, dtype))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_training_changes_the_pixels_anew_each_time(dtype):
    pixels = tf.cast(PIXELS, dtype)
    one = layer()
    first, second = one(pixels, training=True), one(pixels, training=True)
    assert first.dtype == dtype
    assert (first.numpy() != PIXELS).any()
    assert (first.numpy() != second.numpy()).any()
    np.testing.assert_array_equal(layer()(pixels, training=True), first)
    assert (layer(seed=2)(pixels, training=True).numpy() != first.numpy()).any()


def test_off_unless_training():
    pixels = tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 24, 24, 3)), tf.float32)
    one = layer()
    before = one.seed_generator.state.numpy()
    for options in ({}, {"training": False}, {"training": None}):
        np.testing.assert_array_equal(one(pixels, **options), pixels)
    np.testing.assert_array_equal(one.seed_generator.state, before)


def test_a_model_is_the_same_at_inference_with_and_without():
    plain = keras.layers.Rescaling(1 / 255)
    np.testing.assert_array_equal(model()(PIXELS, training=False), plain(PIXELS))
    np.testing.assert_array_equal(model().predict(PIXELS, verbose=0), plain(PIXELS))


def test_what_is_exported_has_no_random_operation():
    classifier = model()
    signature = tf.TensorSpec([None, 24, 24, 3], tf.uint8)
    served = tf.function(lambda pixels: classifier(pixels, training=False))
    found = operations(served.get_concrete_function(signature))
    assert not [name for name in found if any(word in name for word in RANDOM_OPERATIONS)]
    trained = tf.function(lambda pixels: classifier(pixels, training=True))
    found = operations(trained.get_concrete_function(signature))
    assert [name for name in found if any(word in name for word in RANDOM_OPERATIONS)]


def test_a_saved_model_goes_on_where_it_was(tmp_path):
    classifier = model()
    classifier(PIXELS, training=True)
    classifier.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = [classifier(PIXELS, training=True).numpy() for _ in range(2)]
    for changed in expected:
        np.testing.assert_array_equal(loaded(PIXELS, training=True), changed)
    (found,) = [one for one in loaded.layers if isinstance(one, augment_layer.Augmentation)]
    assert found.changes == CONFIG


def test_the_config_is_json_and_checked():
    config = json.loads(json.dumps(layer().get_config()))
    assert augment_layer.Augmentation.from_config(config).changes == CONFIG
    with pytest.raises(pydantic.ValidationError, match="rotation"):
        augment_layer.Augmentation({"rotation": 3})


@pytest.mark.parametrize(
    "jit_compile", [False, pytest.param(True, marks=pytest.mark.landing)], ids=["plain", "XLA"]
)
def test_fit_and_mixed_precision_run_it(jit_compile):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        pixels = keras.Input((24, 24, 3))
        values = keras.layers.Rescaling(1 / 255)(layer()(pixels))
        assert layer()(tf.cast(PIXELS, tf.float32), training=True).dtype == tf.float32
        pooled = keras.layers.GlobalAveragePooling2D()(values)
        classifier = keras.Model(pixels, keras.layers.Dense(2, dtype="float32")(pooled))
    finally:
        keras.config.set_dtype_policy("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile("sgd", loss, jit_compile=jit_compile)
    history = classifier.fit(PIXELS, np.arange(6) % 2, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
