import contextlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from components.release_gate.parity import (
    differences,
    parity,
    parity_images,
    probe,
    server_process,
    server_stage,
    training_stage,
)
from components.trainer import contract as trained_contract
from data.images import image_reading, value_range
from tasks import task
from tests import models, planted

pytestmark = [pytest.mark.xdist_group("one server"), pytest.mark.usefixtures("graphs_as_they_are")]
TURNED = {
    *(f"JPEG, EXIF orientation {value}" for value in range(2, 9)),
    *("JPEG, XMP orientation 6", "PNG, EXIF orientation 6", "PNG, XMP orientation 8"),
}
UNREADABLE = 6


@pytest.fixture(scope="module")
def trained(right, images) -> probe.Stage:
    encoded = [parity_images.stored(image, models.TINY_SPEC.reading) for image in images]
    return training_stage.ask(right.keras_file, models.TINY_SPEC, {}, encoded)


def served(exported: models.Exported, images: list[parity_images.ParityImage]) -> probe.Stage:
    """Runs the SavedModel as the fresh process does, but in this one."""
    signature = tf.saved_model.load(str(exported.saved_model)).signatures["serving_default"]
    answer = probe._ask(
        signature, [image.encoded for image in images], ("probabilities", "valid", "label")
    )
    labels = [label.decode() for label in answer["label"]]
    return probe.Stage(probe.BATCH, answer["probabilities"], answer["valid"], labels)


def judged(images, trained, exported) -> differences.Parity:
    found = differences.Parity()
    stages = [trained, served(exported, images)]
    differences.judge(
        found, images, stages, "classification", {"labels": models.TINY_LABELS}, parity.TOLERANCE
    )
    return found


def test_the_right_model_passes_every_stage(asked, images):
    found = asked.found
    assert found.ok, found.problems
    stages = {probe.BATCH, probe.ALONE, probe.EXAMPLES}
    if server_process.missing() is None:
        stages.add(server_stage.STAGE)
        assert not found.left_out
    assert set(found.largest) == stages
    assert max(found.largest.values()) < 1e-5
    assert not found.differences
    assert found.images == len(images)


def test_broken_images_and_webp_are_bad_in_every_stage_alike(right, images, trained):
    answer = served(right, images)
    np.testing.assert_array_equal(answer.valid, trained.valid)
    assert (~trained.valid).sum() == UNREADABLE
    assert not trained.values[~trained.valid].any()
    assert trained.values[trained.valid].std(axis=0).min() > 0.01  # it distinguishes images


def test_pixels_of_another_range(export_as, images, trained):
    found = judged(images, trained, export_as(models.tiny(scale=1 / 255, offset=0)))
    (problem,) = found.problems
    assert problem.startswith("The exported SavedModel differs from the training graph by 0.")
    readable = {image.name for image in images if "broken" not in image.name} - {"WebP", "TIFF"}
    assert {one.image for one in found.differences} == readable


@pytest.mark.landing
def test_trained_on_other_preprocessing(export_as, images):
    exported = export_as(models.tiny(scale=1 / 255, offset=0))
    found = parity.check(exported.keras_file, exported.saved_model, images, ask_server=False)
    assert not found.ok
    assert len(found.problems) == len(found.largest) == 3
    wrong = {image.name for image in images if "broken" not in image.name} - {"WebP", "TIFF"}
    for stage, problem in zip(found.largest, found.problems, strict=True):
        start = f"{stage[:1].upper()}{stage[1:]} differs from the training graph by 0."
        assert problem.startswith(start)
        assert "(at most 0.0001 is allowed)" in problem
        assert {one.image for one in found.differences if one.stage == stage} == wrong


def test_permuted_labels(export_as, images, trained):
    found = judged(images, trained, export_as(models.permuted()))
    assert [problem.split(" by ")[0] for problem in found.problems] == [
        "The exported SavedModel differs from the training graph"
    ]


def test_names_permuted_and_probabilities_right(export_as, images, trained):
    spec = replace(models.TINY_SPEC, labels=["metal", "glass", "paper"])
    exported = export_as(models.tiny(), spec)
    found = judged(images, trained, exported)
    assert not found.differences
    (problem,) = found.problems
    assert problem.startswith("The exported SavedModel returns the label '")
    assert "; by its own probabilities it is" in problem
    contract = trained_contract.read(exported.saved_model)
    assert parity._contract_problems(contract, models.TINY_SPEC) == [
        "The model's contract.json states labels ['metal', 'glass', 'paper']; it was trained with"
        " ['glass', 'metal', 'paper']."
    ]
    of_12_bits = image_reading.Reading(value_range=value_range.Range(0, 4095))
    other = replace(models.TINY_SPEC, labels=contract["labels"], reading=of_12_bits)
    assert parity._contract_problems(contract, other) == [
        "The model's contract.json states value_range [0, 65535]; it was trained with [0, 4095]."
    ]


@pytest.mark.landing
def test_another_resize(export_as, images, trained):
    exported = export_as(models.tiny(), replace(models.TINY_SPEC, resize="letterbox"))
    found = judged(images, trained, exported)
    (problem,) = found.problems
    assert "differs from the training graph" in problem
    # A square image is the same either way.
    assert "tiny PNG, 1 × 1" not in {one.image for one in found.differences}


@pytest.mark.landing
def test_another_range_of_values_concerns_16_bits_alone(export_as, images, trained):
    of_12_bits = image_reading.Reading(value_range=value_range.Range(0, 4095))
    found = judged(
        images,
        trained,
        export_as(models.tiny(), replace(models.TINY_SPEC, reading=of_12_bits)),
    )
    assert {one.image for one in found.differences} == {"grey PNG of 16 bits"}


def test_exif_ignored_concerns_the_turned_images_alone(export_as, images, trained):
    found = judged(images, trained, export_as(models.tiny(), exif=False))
    assert {one.image for one in found.differences} == TURNED
    (problem,) = found.problems
    assert sum(repr(name) in problem for name in TURNED) == 1 + differences.MAX_NAMED
    assert f"and on 9 more of {len(images)}" in problem


def test_a_temperature_is_part_of_the_training_graph(right, images, trained):
    encoded = [image.encoded for image in images]
    warm = training_stage.ask(right.keras_file, models.TINY_SPEC, {"temperature": 2.0}, encoded)
    powers = np.sqrt(trained.values[trained.valid])
    expected = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(warm.values[warm.valid], expected, atol=1e-6)


def stage(name: str, probabilities: list[list[float]], valid: list[bool], **more) -> probe.Stage:
    return probe.Stage(name, np.array(probabilities, np.float32), np.array(valid), **more)


def test_compare_gives_image_stage_and_flags():
    images = [parity_images.ParityImage(name, b"") for name in ("a", "b", "c", "d")]
    first = stage("first", [[0.5, 0.5], [0, 0], [1, 0], [0.2, 0.8]], [True, False, True, True])
    same = replace(first, name="same")
    other = stage("other", [[0.5, 0.5], [0, 0], [0.7, 0.3], [np.nan, 1]], [True, True, True, True])
    found = differences.compare(images, [first, same, other], 1e-4, task.load(task.DEFAULT).compare)
    assert [(one.image, one.stage, one.valid) for one in found] == [
        ("b", "other", (False, True)),
        ("c", "other", (True, True)),
        ("d", "other", (True, True)),
    ]
    assert [one.largest for one in found] == pytest.approx([0, 0.3, np.inf])


def test_sentences_say_who_can_read_what():
    images = [parity_images.ParityImage("WebP", b""), parity_images.ParityImage("GIF", b"")]
    found = differences.Parity()
    first = stage("the training graph", [[0, 0], [0, 1]], [False, True])
    other = stage("the running server", [[1, 0], [0, 0]], [True, False])
    differences.judge(found, images, [first, other], "classification", {"labels": ["x", "y"]}, 1e-4)
    assert found.problems == [
        "The running server cannot read 'GIF', which the training graph can.",
        "The running server reads 'WebP', which the training graph cannot.",
    ]


def test_another_number_of_classes_is_said():
    found = differences.Parity()
    first = stage("the training graph", [[0, 1]], [True])
    other = stage("the running server", [[0, 1, 0]], [True])
    differences.judge(
        found,
        [parity_images.ParityImage("GIF", b"")],
        [first, other],
        "classification",
        {"labels": ["x", "y"]},
        1e-4,
    )
    assert found.problems == [
        "The running server returns [1, 3] probabilities, the training graph [1, 2]."
    ]
    found = differences.Parity()
    differences.judge(
        found,
        [parity_images.ParityImage("GIF", b"")],
        [first],
        "classification",
        {"labels": ["x", "y", "z"]},
        1e-4,
    )
    assert found.problems == [
        "The training graph gives 2 probabilities for an image; with 3 labels there must be 3."
    ]


def test_what_cannot_be_asked_refuses_and_does_not_raise(right, images, tmp_path):
    found = parity.check(tmp_path / "none.keras", right.saved_model, images)
    assert found.problems == [f"The trained model {tmp_path / 'none.keras'} is missing."]
    found = parity.check(right.keras_file, tmp_path, images)
    assert "contract.json cannot be used" in found.problems[0]
    broken = tmp_path / "saved_model"
    shutil.copytree(right.saved_model, broken)
    contract = broken / "assets" / trained_contract.FILE
    contract.write_text(json.dumps({"labels": models.TINY_LABELS}))
    found = parity.check(right.keras_file, broken, images)
    assert found.problems == ["The contract of the model cannot be used: it lacks 'image_size_px'."]
    assert found.measured is None


def test_a_server_that_cannot_be_asked_is_left_out_and_one_that_fails_refuses(
    right, tmp_path, monkeypatch
):
    found, stages = differences.Parity(), []
    with contextlib.ExitStack() as started:
        monkeypatch.setattr(server_process, "LIBRARIES", ("no_such_library",))
        assert parity._server(found, right.saved_model, 1, started, {}) is None
        assert found.ok
        assert found.left_out == [
            "No running server was compared: no_such_library not installed (extra [serve])."
        ]
        monkeypatch.setattr(server_process, "LIBRARIES", ())
        server = parity._server(found, right.saved_model, 0.0, started, {})
        assert parity._ask_server(found, stages, server, [], "label") is None
    assert stages == []
    assert found.problems[0].startswith("The server has not started within 0 s.")


@models.needs_server
def test_a_fault_in_the_network_for_onnx_runtime_is_found_before_a_push(right, images, tmp_path):
    pytest.importorskip("onnxruntime")
    broken = tmp_path / "saved_model"
    shutil.copytree(right.saved_model, broken)
    planted.fault(broken)
    found = parity.check(right.keras_file, broken, images)
    (problem,) = found.problems
    assert problem.startswith("The server ended with 1 before it answered.")
    assert "its answers differ from those of the SavedModel by 0." in problem
    assert server_stage.STAGE not in found.largest
