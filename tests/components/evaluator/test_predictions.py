import numpy as np
import pytest

from components.evaluator import predictions


@pytest.fixture
def made() -> predictions.Predictions:
    return predictions.Predictions(
        labels=["b", "a"],
        paths=["a/1.jpg", "b/\udcff.jpg", "b/3.jpg"],
        label_ids=np.array([1, 0, 0]),
        probabilities=np.array([[0.2, 0.8], [0.4, 0.6], [0, 0]], np.float32),
        valid=np.array([True, True, False]),
        outlier_scores=np.zeros(3, np.float32),
    )


def test_an_invalid_image_is_predicted_as_nothing(made):
    assert made.predicted_ids.tolist() == [1, 1, -1]
    assert made.correct.tolist() == [True, False, False]


def test_a_file_gives_back_what_was_saved(made, tmp_path):
    made.save(tmp_path / predictions.FILE)
    loaded = predictions.Predictions.load(tmp_path / predictions.FILE)
    assert (loaded.labels, loaded.paths) == (made.labels, made.paths)
    for name in ("label_ids", "probabilities", "valid", "outlier_scores"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(made, name))


def test_columns_follow_another_label_map(made):
    moved = made.aligned(["a", "new", "b"])
    assert moved.labels == ["a", "new", "b"]
    np.testing.assert_allclose(
        moved.probabilities, [[0.8, 0, 0.2], [0.6, 0, 0.4], [0, 0, 0]], rtol=1e-6
    )
