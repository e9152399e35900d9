"""The fused layer gives what Keras' layer gives: outputs, gradients, moving statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tasks import normalisation

SHAPE = (3, 5, 4, 6)


def made(layer: keras.layers.Layer) -> tuple[list[np.ndarray], keras.Model]:
    """A step of training and an inference: outputs, gradients of input and weights, weights."""
    generator = np.random.default_rng(0)
    maps = tf.constant(generator.normal(2.0, 3.0, SHAPE), tf.float32)
    inputs = keras.Input(SHAPE[1:])
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([generator.uniform(0.5, 2.0, value.shape) for value in layer.get_weights()])
    weights = tf.constant(generator.normal(size=SHAPE), tf.float32)

    @tf.function
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = model(maps, training=True)
            loss = tf.reduce_sum(outputs * weights)
        return [outputs, *tape.gradient(loss, [maps, *model.trainable_variables])]

    trained = [value.numpy() for value in step()]
    return [*trained, *layer.get_weights(), model(maps, training=False).numpy()], model


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"momentum": 0.5}])
def test_it_equals_the_layer_of_keras(options: dict[str, float]) -> None:
    ours, model = made(normalisation.BatchNormalization(**options))
    theirs, _ = made(keras.layers.BatchNormalization(**options))
    for own, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=2e-5)
    graph = tf.function(lambda maps: model(maps, training=True)).get_concrete_function(
        tf.TensorSpec(SHAPE)
    )
    assert "FusedBatchNormV3" in {one.type for one in graph.graph.get_operations()}


@pytest.mark.parametrize("case", ["frozen", "half", "vectors"])
def test_what_the_kernel_lacks_is_left_to_keras(case: str) -> None:
    layer = normalisation.BatchNormalization(dtype="mixed_float16" if case == "half" else None)
    layer.trainable = case != "frozen"
    shape = (4, 6) if case == "vectors" else SHAPE
    other = keras.layers.BatchNormalization(dtype="mixed_float16" if case == "half" else None)
    other.trainable = layer.trainable
    maps = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for one in (layer, other):
        one.build(shape)
    given = tf.cast(maps, layer.compute_dtype)
    np.testing.assert_array_equal(layer(given, training=True), other(given, training=True))
    for own, theirs in zip(layer.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)


def test_a_stored_model_is_read_again(tmp_path) -> None:  # type: ignore[no-untyped-def]
    _, model = made(normalisation.BatchNormalization())
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    maps = np.ones(SHAPE, np.float32)
    np.testing.assert_array_equal(again(maps), model(maps))
