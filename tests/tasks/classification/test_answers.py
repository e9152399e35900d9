import numpy as np
import pytest

from data import errors
from tasks.classification import answers as predictions


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


def test_columns_follow_another_label_map(made):
    moved = made.aligned(["a", "new", "b"])
    assert moved.labels == ["a", "new", "b"]
    np.testing.assert_allclose(
        moved.probabilities, [[0.8, 0, 0.2], [0.6, 0, 0.4], [0, 0, 0]], rtol=1e-6
    )


def test_a_split_without_a_shard_is_told(tmp_path):
    with pytest.raises(errors.PipelineError, match="the split has no shard"):
        predictions.Predictions.read(str(tmp_path), "test")
