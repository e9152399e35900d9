"""Models that are quick to make: answers by counts, real classifiers of digits, tiny exports."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
from sklearn import datasets, linear_model

from components.predict import predictions
from components.preprocess import materialise
from components.release_gate import golden, parity
from components.trainer import export
from data import graph, graph_orientation
from tests.data.pictures import noise, saved
from tests.models import TINY_LABELS, TINY_SPEC, Exported, tiny

DIGITS = [str(digit) for digit in range(10)]
TRAIN = 900


def answers(
    labels: Sequence[str],
    label_ids: np.ndarray,
    probabilities: np.ndarray,
    paths: Sequence[str] | None = None,
) -> predictions.Predictions:
    """Predictions of valid images."""
    count = len(label_ids)
    return predictions.Predictions(
        labels=list(labels),
        paths=list(paths) if paths else [f"{index:04d}.png" for index in range(count)],
        label_ids=np.asarray(label_ids, np.int64),
        probabilities=np.asarray(probabilities, np.float32),
        valid=np.ones(count, bool),
        outlier_scores=np.zeros(count, np.float32),
    )


def chosen(
    labels: Sequence[str], label_ids: Sequence[int], predicted_ids: Sequence[int]
) -> predictions.Predictions:
    """Predictions of a model that is sure of one class for every image."""
    return answers(labels, np.array(label_ids), np.eye(len(labels))[np.array(predicted_ids, int)])


class Digits:
    """The 8×8 digits of scikit-learn: images [N, 64] in 0–1, half to train on, half to test on."""

    def __init__(self) -> None:
        images, self.label_ids = datasets.load_digits(return_X_y=True)
        self.images = images / 16
        self.test = np.arange(TRAIN, len(images))

    def fit(self, rows: np.ndarray) -> linear_model.LogisticRegression:
        """A classifier trained on some rows of the first half."""
        model = linear_model.LogisticRegression(max_iter=2000)
        return model.fit(self.images[rows], self.label_ids[rows])

    def ask(
        self,
        model: linear_model.LogisticRegression,
        rows: np.ndarray | None = None,
        labels: Sequence[str] = DIGITS,
    ) -> predictions.Predictions:
        """What a classifier says of the test images."""
        rows = self.test if rows is None else rows
        paths = [f"{row:04d}.png" for row in rows]
        probabilities = model.predict_proba(self.images[rows])
        return answers(labels, self.label_ids[rows], probabilities, paths)


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits()


@pytest.fixture(scope="session")
def served(digits: Digits) -> predictions.Predictions:
    """What a decent model says of the 897 test images."""
    return digits.ask(digits.fit(np.arange(TRAIN)))


@pytest.fixture(scope="package")
def export_as(tmp_path_factory) -> Callable[..., Exported]:
    """Exports a served model beside the ``.keras`` file of the right one."""

    def make(
        served: keras.Model, spec: materialise.Spec = TINY_SPEC, exif: bool = True
    ) -> Exported:
        root = tmp_path_factory.mktemp("model")
        with pytest.MonkeyPatch.context() as patch:
            if not exif:
                patch.setattr(graph_orientation, "upright", lambda pixels, value: pixels)
                graph._decoders.cache_clear()
            export.save(served, spec, "tiny", root / "saved_model", root)
        if not exif:
            graph._decoders.cache_clear()
        export.save_keras(tiny(), root / export.KERAS_FILE)
        return Exported(root / export.KERAS_FILE, root / "saved_model")

    return make


@pytest.fixture(scope="package")
def images() -> list[golden.Golden]:
    return golden.images(
        {name: saved(noise(40, 60, seed), "JPEG") for seed, name in enumerate(TINY_LABELS)}
    )


@pytest.fixture(scope="package")
def checked(right, images) -> parity.Parity:
    """The right model through every stage but the server; made once, for TensorFlow loads long."""
    return parity.check(
        right.keras_file, right.saved_model, images, spec=TINY_SPEC, ask_server=False
    )
