import functools
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from components.release_gate import config, gate
from components.release_gate.parity import export_parity, parity_images
from components.trainer.exports import config as export_config
from components.trainer.exports import convert, exports_file
from components.trainer.network import keras_archive
from data import errors, fresh_process
from data.examples import example, records
from tasks import gate_check, task
from tasks.classification.compare import COMPARE
from tests import models

pytestmark = pytest.mark.usefixtures("graphs_as_they_are")

TOLERANCES = config.ExportTolerances()
AGREES = functools.partial(COMPARE.agreement, contract={})
FACETS = (AGREES, functools.partial(COMPARE.exported, contract={}))
ONNX = export_config.ExportConfig(formats=["onnx"])


@pytest.fixture(scope="module")
def eval_files(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("pixels")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), np.uint8)
    label = models.TINY_SPEC.annotation.encode(np.int64(0))
    rows = (example.encode_pixels(image, label, b"%d" % n) for n, image in enumerate(pixels))
    records.write(str(folder / records.shard_name(0, 1)), rows)
    return records.files(str(folder))


@pytest.fixture
def exported(right, tmp_path):
    """A copy of the right model, to be given exports."""
    shutil.copytree(right.saved_model, tmp_path / "saved_model")
    return replace(right, saved_model=tmp_path / "saved_model")


def give(exported, classifier) -> None:
    convert.write(
        classifier,
        models.TINY_SPEC,
        task.load(models.TINY_SPEC.task).calibration.unfitted(3),
        [],
        ONNX,
        exported.saved_model,
    )


def checked(exported, images, eval_files) -> tuple[export_parity.Compared, ...]:
    asked = export_parity.Images(images, eval_files)
    keras_file, saved_model = exported.keras_file, exported.saved_model
    return export_parity.check(keras_file, saved_model, models.TINY_SPEC, asked, TOLERANCES)


def product(found: tuple[export_parity.Compared, ...]) -> list[gate_check.Check]:
    return gate.product(
        gate.Measured(exports=found), config.GateConfig(), task.load(task.DEFAULT).compare
    )


def test_right_wrong_and_damaged(exported, images, eval_files):
    assert checked(exported, images, eval_files) == ()

    give(exported, models.tiny())
    (found,) = checked(exported, images, eval_files)
    readable = sum(
        image.name not in ("WebP", "TIFF") and not image.name.startswith("broken")
        for image in images
    )
    assert (found.format, found.images) == ("onnx", readable + 30)
    assert found.ok
    assert (found.largest < 1e-5, found.agreement) == (True, 1.0)
    (check,) = product((found,))
    assert (check.name, check.verdict) == ("export_parity", "release")
    json.dumps(check.figures, allow_nan=False)

    folder = exported.saved_model / exports_file.FOLDER
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[:-100])
    (check,) = product(checked(exported, images, eval_files))
    assert check.verdict == "refuse"
    assert check.message == (
        "The export onnx cannot be used: its file model.onnx is not the one that was written."
    )
    (folder / "model.onnx").unlink()
    (found,) = checked(exported, images, eval_files)
    assert "its file model.onnx is missing" in found.sentence

    (folder / "model.onnx").write_bytes(content)
    other = replace(exported, keras_file=folder.parent / "other.keras")
    keras_archive.save(models.permuted(), other.keras_file)
    (check,) = product(checked(other, images, eval_files))
    assert check.verdict == "refuse"
    assert check.message.startswith("The export onnx gives the label of the training graph on ")
    assert "(at least 99.0% is needed)" in check.message
    assert check.message.endswith("(0.001 is allowed).")


@pytest.mark.landing
def test_one_process_answers_for_the_model_and_its_exports(
    exported, images, eval_files, monkeypatch
):
    give(exported, models.tiny())
    starts = []
    started = fresh_process.Worker._started
    monkeypatch.setattr(
        fresh_process.Worker, "_started", lambda self: starts.append(1) or started(self)
    )
    monkeypatch.setattr(parity_images, "images", lambda *_: images)
    trained = gate.Trained(exported.keras_file, models.TINY_SPEC, eval_files)
    found = gate.measure(
        trained, exported.saved_model, eval_files[:0], config.GateConfig(ask_server=False)
    )
    assert found.fidelity.ok, found.fidelity.problems
    assert [(one.format, one.ok) for one in found.exports] == [("onnx", True)]
    assert len(starts) == 1


def test_a_file_that_does_not_run(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"TFL3" * 100)
    export = exports_file.Export.of("tflite_int8", path)
    pixels = np.zeros((2, 16, 16, 3), np.uint8)
    found = export_parity.compare(export, tmp_path, pixels, np.zeros((2, 3)), FACETS, TOLERANCES)
    assert not found.ok
    assert found.sentence.startswith(
        "The export tflite_int8 cannot be used: it does not run; its process ended with "
    )


@pytest.mark.parametrize(
    ("answer", "largest", "agreement", "ok"),
    [
        ([[0.9, 0.1], [0.4, 0.6]], 0.0, 1.0, True),
        ([[0.7, 0.3], [0.3, 0.7]], 0.2, 1.0, True),
        ([[0.9, 0.1], [1.0, 0.0]], 0.6, 0.5, False),
        ([[0.9, 0.1], [0.6, 0.4]], 0.2, 0.5, False),
        ([[0.9, 0.1], [math.nan, 0.6]], math.inf, 0.5, False),
    ],
)
def test_both_limits_count(monkeypatch, tmp_path, answer, largest, agreement, ok):
    monkeypatch.setattr(export_parity, "_ask", lambda *_: np.array(answer))
    expected = np.array([[0.9, 0.1], [0.4, 0.6]])
    export = exports_file.Export("tflite_int8", "model_int8.tflite", 1, "")
    found = export_parity.compare(export, tmp_path, np.zeros(2), expected, FACETS, TOLERANCES)
    assert found.largest == pytest.approx(largest)
    assert (found.agreement, found.ok) == (agreement, ok)
    json.dumps(product((found,))[0].figures, allow_nan=False)


def test_what_was_measured_is_read_again(tmp_path):
    row = export_parity.Compared("onnx", "model.onnx", 9, 3, math.inf, 0.5, 0.001, 0.99)
    (tmp_path / gate.MEASURED_FILE).write_text(json.dumps({"exports": [vars(row)]}))
    assert gate.Measured.read(str(tmp_path)).exports == (row,)


def test_a_list_of_exports_that_is_damaged(exported, images, eval_files):
    folder = exported.saved_model / exports_file.FOLDER
    folder.mkdir(parents=True)
    (folder / exports_file.FILE).write_text('{"exports": [{"format": "coreml"}]}')
    with pytest.raises(errors.PipelineError, match=r"exports\.json cannot be used"):
        checked(exported, [parity_images.ParityImage("broken", b"")], eval_files)
