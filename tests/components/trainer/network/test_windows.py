"""A network asked about a larger square: windows, blending, the file that is stored, the served model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer.network import keras_archive, model, stored, windows
from data import errors
from tests import scenes
from tests.data.pictures import saved

SIDE = 64
LABELS = list(scenes.CLASSES)
SPEC = materialise.Spec(
    SIDE, "stretch", LABELS, {"train": 1, "eval": 1, "test": 0}, task="segmentation"
)


def grid(side=8, scale=2):
    """A network whose outputs are the mean colours of its cells, and whose embedding is their mean."""
    pixels = keras.Input((side, side, 3), name="pixels")
    outputs = keras.layers.AveragePooling2D(scale)(pixels)
    pooled = keras.layers.GlobalAveragePooling2D(name=model.EMBEDDING_LAYER)(outputs)
    joined = keras.layers.Lambda(lambda both: both[0] + 0 * both[1][:, None, None])(
        [outputs, pooled]
    )
    return keras.Model(pixels, joined, name="classifier")


@pytest.mark.parametrize("count", [2, 3])
def test_outputs_that_depend_on_their_place_alone_come_back_as_they_are(count):
    network, spec = windows.around(grid(), materialise.Spec(8, "stretch", [], {}), count)
    assert spec.size_px == 8 * count and network.input.shape[1] == 8 * count
    pixels = (
        np.random.default_rng(0).uniform(0, 255, [2, 8 * count, 8 * count, 3]).astype(np.float32)
    )
    plain = tf.nn.avg_pool2d(pixels, 2, 2, "VALID")
    whole = tf.nn.avg_pool2d(tf.nn.avg_pool2d(pixels, count, count, "VALID"), 2, 2, "VALID")
    wanted = (plain + tf.image.resize(whole, plain.shape[1:3])) / 2
    np.testing.assert_allclose(network(pixels), wanted, rtol=1e-4)
    embedding = keras.Model(network.input, network.get_layer(model.EMBEDDING_LAYER).output)
    np.testing.assert_allclose(embedding(pixels), pixels.mean((1, 2)), rtol=1e-4)


def test_windows_cover_the_square_and_one_is_no_change():
    assert windows.starts(2, 4) == [(top, left) for top in (0, 4, 8) for left in (0, 4, 8)]
    network = grid()
    assert windows.around(network, SPEC, 1) == (network, SPEC)
    assert windows.blending(6).min() > 0


def test_cells_that_do_not_fit_are_refused():
    with pytest.raises(errors.UserError, match="multiple of 64"):
        windows.around(grid(side=10), materialise.Spec(10, "stretch", [], {}), 2)


def test_with_exports_windows_are_refused():
    with pytest.raises(ValueError, match="give windows 1"):
        config.TrainConfig(windows=2, exports={"formats": ["onnx"]})


def test_the_file_and_the_served_model_answer_as_the_network_and_training_starts_from_them(
    tmp_path,
):
    settings = config.TrainConfig(backbone="cnn", weights="random")
    keras.utils.set_random_seed(0)
    inner = model.build(settings, SPEC)
    network, spec = windows.around(inner, SPEC, 2)
    keras_archive.save(network, tmp_path / "model.keras")
    served_model.save(network, spec, "cnn", tmp_path / "saved", tmp_path, windows=2)
    pixels, _ = scenes.draw(0)
    large = np.kron(pixels, np.ones([4, 2, 1], np.uint8))[: 2 * SIDE]
    large = np.pad(large, [(0, 2 * SIDE - len(large)), (0, 0), (0, 0)])
    batch = large[None].astype(np.float32)
    outputs = network(batch).numpy()
    again = keras_archive.load(tmp_path / "model.keras")
    np.testing.assert_allclose(again(batch), outputs, atol=1e-5)
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    from PIL import Image

    answer = served(image_bytes=tf.constant([saved(Image.fromarray(large), "PNG")]))
    wanted = tf.argmax(tf.image.resize(tf.nn.softmax(outputs), [2 * SIDE, 2 * SIDE]), -1)
    assert (answer["class_ids"].numpy() == wanted.numpy()).mean() > 0.999
    back = stored.read(tmp_path / "model.keras", "cnn", SPEC, 2)
    for one, other in zip(back.get_weights(), inner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
