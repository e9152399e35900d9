import numpy as np

from components.report import config as report_config
from tasks.classification import answers as predictions
from tasks.classification.panels import chosen

LABELS = ["a", "b"]


def answers(rows: list[tuple[int, float]], valid: list[bool] | None = None):
    """Predictions of two classes: of each image the true class and the probability of "b"."""
    label_ids = np.array([label for label, _ in rows], np.int64)
    second = np.array([value for _, value in rows], np.float32)
    flags = np.array([True] * len(rows) if valid is None else valid)
    probabilities = np.stack([1 - second, second], 1) * flags[:, None]
    paths = [f"{index}.png" for index in range(len(rows))]
    zeros = np.zeros(len(rows), np.float32)
    return predictions.Predictions(
        LABELS, paths, flags, zeros, label_ids=label_ids, probabilities=probabilities
    )


def test_mistakes_are_chosen_before_hits_and_the_surest_first():
    found = answers([(0, 0.1), (0, 0.6), (0, 0.9), (1, 0.8), (1, 0.3), (0, 0.0)])
    assert chosen.cells(found, per_cell=2, most=5) == {
        (0, 1): ["2.png", "1.png"],
        (1, 0): ["4.png"],
        (0, 0): ["5.png", "0.png"],
    }
    assert chosen.cells(found, per_cell=0, most=5) == {}


def test_an_image_that_was_not_read_is_in_the_last_column():
    found = answers([(0, 0.1), (1, 0.9)], valid=[True, False])
    assert chosen.cells(found, 1, 9) == {(1, 2): ["1.png"], (0, 0): ["0.png"]}


def test_all_that_is_listed_is_drawn():
    found = answers([(0, 0.1), (0, 0.9), (1, 0.5), (1, 0.9)])
    found_images = chosen.choose(found, report_config.ReportConfig(pictures_per_cell=0, listed=1))
    assert [row.path for row in found_images.worst] == ["1.png"]
    assert [row.path for row in found_images.doubtful] == ["2.png"]
    assert found_images.paths() >= {"1.png", "2.png"}


def test_label_errors_are_counted_beyond_those_shown():
    found = answers([(0, 0.1), (0, 0.2), (0, 0.9), (1, 0.1), (1, 0.9), (1, 0.8)])
    found_images = chosen.choose(found, report_config.ReportConfig(listed=1))
    assert (len(found_images.mislabelled), found_images.label_errors) == (1, 2)
