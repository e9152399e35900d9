import io

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from PIL import Image

from data.masks import convert
from tasks.predictions import schema
from tasks.segmentation import answers, figures
from tasks.segmentation.answers import masks
from tasks.segmentation.figures import boundary, pixels, rows
from tasks.statistics import groups
from tests.tasks.segmentation import made


def test_answers_come_back_from_parquet(tmp_path):
    truths, told = made.masks()
    outputs = {
        "mask_png": np.array([convert.encode(one) for one in told], object),
        "sure_png": np.array([convert.encode(one) for one in told], object),
        "confidence": np.full(len(told), 0.25, np.float32),
        "class_fractions": np.full([len(told), 3], 1 / 3, np.float32),
    }
    columns = answers.ANSWERS.columns(outputs)
    fields = schema.fields(answers.ANSWERS.annotation, answers.ANSWERS.answer)
    count = len(told)
    held = {
        **columns,
        answers.TRUTH: pa.array([convert.encode(one) for one in truths], pa.binary()),
        schema.PATH: pa.array([f"{index}".encode() for index in range(count)]),
        schema.VALID: pa.array([True] * count),
    }
    rows = {
        name: held[name] if name in held else pa.nulls(count, kind) for name, kind in fields.items()
    }
    path = str(tmp_path / "Split-test" / "predictions-00000-of-00001.parquet")
    batch = pa.RecordBatch.from_arrays(
        [rows[name] for name in fields], schema=schema.make(made.LABELS, "m", fields)
    )
    schema.write(path, batch.schema, [batch])
    found = answers.ANSWERS.read(str(tmp_path), "test")
    wanted = made.predictions(truths, told)
    np.testing.assert_array_equal(found.matrices, wanted.matrices)
    np.testing.assert_array_equal(found.outlines, wanted.outlines)
    assert found.mean_score == pytest.approx(0.25)


def test_an_evaluation_record_has_the_matrix_and_the_outlines():
    truths, told = made.masks(1)
    row = {
        answers.TRUTH: convert.encode(truths[0]),
        answers.MASK: convert.encode(told[0]),
        answers.FRACTIONS: [0.2, 0.3, 0.5],
    }
    found = answers.ANSWERS.evaluated(row, {})
    matrices, outlines, numbers = rows.unpacked(np.array([found[figures.CONFUSION]]), 3)
    assert tuple(numbers[0]) == groups.ALONE
    np.testing.assert_array_equal(matrices[0], pixels.confusion(truths[0], told[0], 3))
    np.testing.assert_array_equal(outlines[0], boundary.counts(truths[0], told[0], 3))
    np.testing.assert_array_equal(found[figures.PIXELS], matrices[0].sum(1))


def test_an_image_without_an_answer_has_only_wrong_pixels():
    truths, told = made.masks(2)
    found = made.predictions(truths, told, valid=np.array([True, False]))
    assert found.matrices[1, :, :-1].sum() == 0 and found.matrices[1, :, -1].sum() > 0
    assert found.mean_ious[1] == 0 and found.mean_score == 0.5


def test_a_model_with_other_labels_is_compared_by_name():
    truths, told = made.masks()
    order = [2, 0, 1]  # the other model numbers its classes otherwise
    renumbered = [np.argsort(order)[one].astype(np.uint8) for one in told]
    other = made.predictions(truths, renumbered, labels=[made.LABELS[place] for place in order])
    np.testing.assert_array_equal(other.matrices, made.predictions(truths, told).matrices)
    unknown = made.predictions(truths, told, labels=["sky", "road", "sea"])
    assert (unknown.matrices[:, :, 2] == 0).all() and unknown.matrices[:, :, -1].sum() > 0


def test_answers_are_aligned_with_a_longer_label_map():
    found = made.predictions(*made.masks()).aligned(["sky", "new", "road", "tree"])
    assert found.matrices.shape[1:] == (4, 5)
    assert (found.targets[:, 1] == 0).all()
    np.testing.assert_array_equal(
        found.targets[:, [0, 2, 3]], made.predictions(*made.masks()).targets
    )


def test_a_mask_from_a_file_of_someone_else_is_bounded(monkeypatch):
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="mode RGB"):
        masks.decoded(buffer.getvalue())
    monkeypatch.setattr(masks, "MAX_PIXELS", 10)
    with pytest.raises(ValueError, match="4×4"):
        masks.decoded(convert.encode(np.zeros([4, 4], np.uint8)))


def test_true_masks_are_read_from_records():
    example = tf.train.Example()
    name = "image/segmentation/class/encoded"
    example.features.feature[name].bytes_list.value.append(b"png")
    found = answers.ANSWERS.annotated(tf.constant([example.SerializeToString()]))
    assert found[answers.TRUTH].to_pylist() == [b"png"]


def test_what_a_user_is_shown():
    row = {answers.FRACTIONS: [0.2, 0.5, 0.3], answers.CONFIDENCE: 0.9, answers.MASK: b"png"}
    assert answers.ANSWERS.told(row, made.LABELS, {}) == {"predicted": "road"}
    assert answers.ANSWERS.told(None, made.LABELS, {}) == {"predicted": None}
    assert answers.ANSWERS.header(made.LABELS)[1] == "share of sky"
    assert answers.ANSWERS.lines(row, made.LABELS, {}) == [[0.9, 0.2, 0.5, 0.3]]
    assert answers.ANSWERS.lines(None, made.LABELS, {}) == [[None] * 4]
