import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.calibration import calibration
from components.trainer.exports import (
    config,
    convert,
    exports_file,
    formats,
    frozen,
    runtime,
    tflite_interpreter,
)
from components.trainer.exports.formats import export_format
from data import errors
from tasks.classification import calibration as temperature
from tests.components.trainer import conftest

pytestmark = pytest.mark.xdist_group("trained")

TEMPERATURE = 1.3
FITTED = temperature.Fitted(TEMPERATURE)
FORMATS = ["tflite_float16", "tflite_int8", "onnx"]


@pytest.fixture(scope="module")
def saved_model(trained, tmp_path_factory):
    """Writes a folder with every export, without a real SavedModel beside them."""
    root = tmp_path_factory.mktemp("saved_model")
    settings = config.ExportConfig(formats=FORMATS, representative_images=20)
    job = trained.job
    convert.write(trained.classifier, job.spec, FITTED, job.train_files, settings, root)
    return root


def test_every_export_says_what_the_classifier_says(saved_model, trained):
    # Grey between dark and bright, too: where a mistake of rounding would be seen.
    pixels = np.concatenate([conftest.images(1)[0][:20], conftest.images(2)[0][:20] // 2 + 40])
    logits = trained.classifier(pixels.astype(np.float32), training=False)
    expected = tf.nn.softmax(logits / TEMPERATURE).numpy()
    assert expected.std(axis=0).min() > 0.05
    found = {
        one.format: runtime.ask(one.format, saved_model / exports_file.FOLDER / one.file, pixels)
        for one in exports_file.read(saved_model)
    }
    assert list(found) == FORMATS
    np.testing.assert_allclose(found["onnx"], expected, atol=1e-5)
    np.testing.assert_allclose(found["tflite_float16"], expected, atol=5e-3)
    np.testing.assert_allclose(found["tflite_int8"], expected, atol=0.1)
    assert np.abs(found["tflite_int8"] - expected).max() > 0  # it was quantised


@pytest.mark.landing
def test_int8_computes_on_integers_and_takes_pixels_as_they_are(saved_model):
    path = saved_model / exports_file.FOLDER / formats.REGISTRY["tflite_int8"].file_name
    interpreter = tflite_interpreter.interpreter(model_path=str(path))
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (given["name"].split(":")[0].endswith(export_format.INPUT), given["dtype"]) == (
        True,
        np.uint8,
    )
    assert given["quantization"] == (1.0, 0)
    assert given["shape"].tolist() == [1, conftest.SIZE, conftest.SIZE, 3]
    others = {
        row["dtype"].__name__
        for row in interpreter.get_tensor_details()
        if row["index"] not in (given["index"], answer["index"]) and row["name"]
    }
    assert others <= {"int8", "int32"}
    scales = [len(r["quantization_parameters"]["scales"]) for r in interpreter.get_tensor_details()]
    assert max(scales) > 1  # weights are scaled channel by channel


def test_the_description_tells_the_truth(saved_model, trained):
    folder = saved_model / exports_file.FOLDER
    described = json.loads((folder / exports_file.FILE).read_text())
    assert described["labels"] == conftest.LABELS
    assert described["temperature"] == TEMPERATURE
    assert described["value_range"] == [0, 65_535]
    assert described["convert_to_srgb"] is True
    assert "with value_range as [low, high]" in described["input"]["preparation"]
    assert {one.name for one in folder.iterdir()} == {
        exports_file.FILE,
        *(one.file_name for one in formats.ALL),
    }
    for one in exports_file.read(saved_model):
        assert exports_file.Export.of(one.format, folder / one.file) == one
    assert exports_file.read(saved_model / "elsewhere") == []
    (folder / exports_file.FILE).rename(folder / "hidden")
    with pytest.raises(errors.PipelineError, match=r"exports\.json cannot be used"):
        exports_file.read(saved_model)
    (folder / "hidden").rename(folder / exports_file.FILE)


def test_nothing_is_written_where_nothing_is_asked_for(trained, tmp_path):
    job = trained.job
    settings = config.ExportConfig()
    written = convert.write(
        trained.classifier, job.spec, FITTED, job.train_files, settings, tmp_path
    )
    assert written == []
    assert list(tmp_path.iterdir()) == []


def test_representative_images_are_of_all_classes_and_the_same_every_time(record_files):
    train_files, _ = record_files
    pixels = convert.representative(train_files, conftest.SPEC, 10)
    assert (pixels.shape, pixels.dtype) == ((10, conftest.SIZE, conftest.SIZE, 3), np.uint8)
    bright = (pixels.mean(axis=(1, 2, 3)) > 100).mean()
    share = calibration.read_targets(train_files, conftest.ANNOTATION).mean()
    assert abs(bright - share) <= 0.1
    np.testing.assert_array_equal(convert.representative(train_files, conftest.SPEC, 10), pixels)
    assert len(convert.representative(train_files, conftest.SPEC, 1000)) == conftest.COUNT


@pytest.mark.landing
def test_what_cannot_be_converted_is_said_and_takes_nothing_down(tmp_path):
    """TensorFlow Lite has no operation on integers for this one."""
    pixels = keras.Input((8, 8, 3))
    classifier = keras.Model(pixels, keras.layers.Flatten()(keras.ops.erfinv(pixels / 300)))
    frozen.save(classifier, FITTED, tmp_path / "frozen", [formats.REGISTRY["tflite_int8"]])
    np.save(tmp_path / "pixels.npy", np.zeros((1, 8, 8, 3), np.uint8))
    arguments = (tmp_path / "frozen", tmp_path / "a.tflite", tmp_path / "pixels.npy")
    with pytest.raises(errors.PipelineError) as caught:
        convert._convert(formats.REGISTRY["tflite_int8"], *arguments)
    message = str(caught.value)
    assert message.startswith("The model cannot be converted to tflite_int8: its process ended")
    assert "Leave it out of --train.exports.formats" in message
