import numpy as np

from data.examples import example
from tasks.classification import answers as predictions
from tests.components.predict.conftest import BROKEN, ODD
from tests.models import TINY_LABELS


def test_an_artifact_is_read_in_the_order_of_the_records(answered):
    found = predictions.Predictions.read(str(answered), "test")
    assert found.labels == TINY_LABELS
    # Two shards: every other record.
    assert found.paths == [
        "paper/0.jpg",
        "paper/2.jpg",
        "glass/new.jpg",
        BROKEN,
        "paper/1.jpg",
        "paper/3.jpg",
        ODD,
    ]
    assert found.label_ids.tolist() == [2, 2, 0, 0, 2, 2, 1]
    assert found.valid.tolist() == [True, True, True, False, True, True, True]
    assert found.spans.tolist() == [example.NO_SPAN] * 2 + [3] + [example.NO_SPAN] * 4
    np.testing.assert_allclose(found.probabilities.sum(1), found.valid, atol=1e-6)
    assert found.predicted_ids[3] == predictions.NOTHING
