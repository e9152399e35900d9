"""A network of masks as TFLite and ONNX says what it says itself, and the gate's check agrees."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.preprocess import materialise
from components.release_gate import config as gate_config
from components.release_gate.parity import export_parity, parity_pngs
from components.trainer import config, served_model
from components.trainer.exports import config as export_config
from components.trainer.exports import convert, exports_file, runtime
from components.trainer.network import keras_archive, model
from data.examples import example, records
from tasks.segmentation import calibration
from tasks.segmentation.head import HEAD
from tests import scenes
from tests.data.pictures import saved

pytestmark = pytest.mark.landing

SIDE = 64
FORMATS = ["tflite_float16", "tflite_int8", "onnx"]
LABELS = list(scenes.CLASSES)
SPEC = materialise.Spec(
    SIDE, "stretch", LABELS, {"train": 8, "eval": 8, "test": 0}, task="segmentation"
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network that was fitted a little, its exports, and a shard of pixels."""
    root = tmp_path_factory.mktemp("exports")
    keras.utils.set_random_seed(0)
    network = model.build(config.TrainConfig(backbone="cnn", weights="random"), SPEC)
    pixels, masks = [], []
    for seed in range(8):
        image, mask = scenes.draw(seed)
        pixels.append(np.pad(image, [(0, SIDE - scenes.HEIGHT), (0, 0), (0, 0)]))
        full = np.pad(mask, [(0, SIDE - scenes.HEIGHT), (0, 0)], constant_values=scenes.VOID)
        masks.append(full)
    model.unfreeze_all(network.get_layer(model.BACKBONE_LAYER))
    network.compile(keras.optimizers.Adam(3e-3), HEAD.loss(0.0))
    network.fit(np.stack(pixels).astype(np.float32), np.stack(masks), epochs=20, verbose=0)
    annotation = SPEC.annotation
    rows = (
        example.encode_pixels(image, annotation.encode(mask), b"a.png")
        for image, mask in zip(pixels, masks, strict=True)
    )
    shard = str(root / "records" / records.shard_name(0, 1))
    records.write(shard, rows)
    settings = export_config.ExportConfig(formats=FORMATS, representative_images=8)
    served = root / "serving"
    temperature = calibration.CALIBRATION.unfitted(3)
    served_model.save(network, SPEC, "cnn", served, root)
    convert.write(network, SPEC, temperature, [shard], settings, served)
    keras_archive.save(network, root / keras_archive.FILE)
    return root, network, np.stack(pixels), shard


def test_every_export_gives_the_maps_of_the_network(exported):
    root, network, pixels, _ = exported
    wanted = tf.nn.softmax(network(pixels.astype(np.float32), training=False)).numpy()
    found = {
        one.format: runtime.ask(
            one.format, root / "serving" / exports_file.FOLDER / one.file, pixels
        )
        for one in exports_file.read(root / "serving")
    }
    assert list(found) == FORMATS
    for name, tolerance in (("onnx", 1e-4), ("tflite_float16", 2e-2), ("tflite_int8", 0.5)):
        assert found[name].shape == wanted.shape
        np.testing.assert_allclose(found[name], wanted, atol=tolerance)
    same = (found["tflite_int8"].argmax(-1) == wanted.argmax(-1)).mean()
    assert same > 0.95


def test_the_gate_compares_exports_pixel_by_pixel(exported):
    root, _, _, shard = exported
    tolerances = gate_config.ExportTolerances()
    image = parity_pngs.ParityImage("scene", saved(Image.fromarray(scenes.draw(9)[0]), "PNG"))
    found = export_parity.check(
        root / keras_archive.FILE,
        root / "serving",
        SPEC,
        export_parity.Images([image], [shard]),
        tolerances,
    )
    assert [one.format for one in found] == FORMATS
    assert all(one.agreement is not None for one in found), [one.sentence for one in found]
    assert found[0].agreement > 0.99 and found[2].agreement > 0.999
