"""A detector as TFLite and ONNX finds what it finds itself, and the gate says how much each loses."""

import re

import keras
import numpy as np
import pytest
from PIL import Image

from components.preprocess import materialise
from components.release_gate import config as gate_config
from components.release_gate.parity import export_parity, parity_pngs
from components.trainer import config, served_model
from components.trainer.exports import config as export_config
from components.trainer.exports import convert
from components.trainer.network import keras_archive, model
from data.examples import example, records
from tasks.detection import calibration, target
from tasks.detection.head import HEAD
from tests import shapes_with_boxes as shapes
from tests.data.pictures import saved

pytestmark = pytest.mark.landing

SIDE, COUNT = 96, 24
FORMATS = ["tflite_float16", "tflite_int8", "onnx"]
LABELS = sorted(shapes.COLOURS)
SPEC = materialise.Spec(
    SIDE, "stretch", LABELS, {"train": COUNT, "eval": COUNT, "test": 0}, task="detection"
)


def drawn(seed):
    """Pixels uint8 [S, S, 3] of an image, and its target [M, 6]."""
    image, objects = shapes.draw(seed)
    resized = np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    rows = np.full((target.MAX_OBJECTS, target.COLUMNS), 0.0, np.float32)
    rows[:, target.CLASS_ID] = target.NO_OBJECT
    sides = [shapes.HEIGHT, shapes.WIDTH] * 2
    for place, (label, left, top, right, bottom) in enumerate(objects):
        corners = np.divide([top, left, bottom, right], sides)
        rows[place] = [*corners, LABELS.index(label), 0]
    return resized, rows


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A detector that was fitted a little, its exports, and a shard of pixels."""
    root = tmp_path_factory.mktemp("exports")
    keras.utils.set_random_seed(0)
    network = model.build(config.TrainConfig(), SPEC)
    pixels, rows = map(np.stack, zip(*map(drawn, range(COUNT)), strict=True))
    network.compile(keras.optimizers.Adam(3e-3), HEAD.loss(0.0))
    network.fit(pixels.astype(np.float32), rows, batch_size=8, epochs=30, verbose=0)
    encoded = (
        example.encode_pixels(image, SPEC.annotation.encode(objects), b"a.png")
        for image, objects in zip(pixels, rows, strict=True)
    )
    shard = str(root / "records" / records.shard_name(0, 1))
    records.write(shard, encoded)
    settings = export_config.ExportConfig(formats=FORMATS, representative_images=COUNT)
    fitted = calibration.CALIBRATION.unfitted(len(LABELS))
    served_model.save(network, SPEC, "efficientnet_lite0", root / "serving", root)
    convert.write(network, SPEC, fitted, [shard], settings, root / "serving")
    keras_archive.save(network, root / keras_archive.FILE)
    return root, shard


def test_the_gate_says_how_many_boxes_each_export_loses(exported):
    root, shard = exported
    image = parity_pngs.ParityImage("shapes", saved(Image.fromarray(shapes.draw(99)[0]), "PNG"))
    found = export_parity.check(
        root / keras_archive.FILE,
        root / "serving",
        SPEC,
        export_parity.Images([image], [shard]),
        gate_config.ExportTolerances(),
    )
    print("\n".join(one.sentence for one in found))
    assert [one.format for one in found] == FORMATS
    assert all(one.agreement is not None for one in found), [one.sentence for one in found]
    told = [re.search(r"of (\d+) boxes it loses (\d+) and adds (\d+)", one.words) for one in found]
    half, whole_numbers, onnx = [tuple(map(int, one.groups())) for one in told]
    assert half[0] == whole_numbers[0] == onnx[0] > 0
    assert onnx[1:] == (0, 0)
    assert found[0].ok and found[2].ok
    # Of whole numbers, each score has 256 steps: a box near its threshold may be lost or added.
    assert found[1].largest > found[2].largest
