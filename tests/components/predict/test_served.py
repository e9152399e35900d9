"""The model in serving runs only on images without an answer; incomplete files count as absent."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.predict import cache, exported_model, served
from tasks.classification import answers as predictions
from tasks.classification.answers import ANSWERS
from tasks.predictions import schema
from tests.components.predict.conftest import answer, jpeg, record, write


def compared(answered: Path, files: list[str], model: Path, root: Path) -> predictions.Predictions:
    return served.answers(model, str(answered), "test", files, root)


def test_what_was_not_kept_is_asked_and_kept(answered, files, right, tmp_path, asked):
    expected = predictions.Predictions.read(str(answered), "test")
    for _ in range(2):
        found = compared(answered, files, right.saved_model, tmp_path)
        assert found.paths == expected.paths
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
        np.testing.assert_array_equal(found.valid, expected.valid)
        np.testing.assert_array_equal(found.spans, expected.spans)
    assert asked == [7]


def test_only_new_images_are_asked_about(answered, lines, model, right, tmp_path, asked):
    cache.keep_split(tmp_path / "kept", str(answered), "test", ANSWERS.answer)
    more = [*lines, record("paper/new.jpg", 2, jpeg(77))]
    grown = write(tmp_path / "grown", "test", more)
    answer(grown, tmp_path / "answers", model)
    asked.clear()
    found = compared(tmp_path / "answers", grown, right.saved_model, tmp_path / "kept")
    assert asked == [1]
    expected = predictions.Predictions.read(str(tmp_path / "answers"), "test")
    assert found.paths == expected.paths
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"torn", None])
def test_a_torn_file_counts_as_absent(answered, files, right, tmp_path, asked, content):
    cache.keep_split(tmp_path, str(answered), "test", ANSWERS.answer)
    path = min(tmp_path.rglob("*.parquet"))
    held = pq.ParquetFile(path).metadata.num_rows
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    found = compared(answered, files, right.saved_model, tmp_path)
    assert asked == [held]
    expected = predictions.Predictions.read(str(answered), "test")
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    asked.clear()
    compared(answered, files, right.saved_model, tmp_path)
    assert asked == []


def test_answers_that_name_another_model_are_passed_over(answered, files, right, tmp_path, asked):
    model = exported_model.digest(right.saved_model)
    kept = cache.Cache(tmp_path, model, ANSWERS.answer)
    table = schema.read_columns(schema.files(str(answered), "test"), kept.columns, ANSWERS.answer)
    other = table.replace_schema_metadata(schema.make(["x", "y", "z"], "0" * 64, {}).metadata)
    kept.keep(other)
    compared(answered, files, right.saved_model, tmp_path)
    assert asked == [7]


def test_the_answers_of_the_latest_models_are_kept(tmp_path):
    for age, name in enumerate(("new", "old", "older", "oldest")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    cache.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old", "older"]


def test_no_image_at_all(model, right, tmp_path, asked):
    files = write(tmp_path / "in", "test", [])
    answer(files, tmp_path / "out", model)
    found = compared(tmp_path / "out", files, right.saved_model, tmp_path / "kept")
    assert (found.paths, found.probabilities.shape, asked) == ([], (0, 3), [])
