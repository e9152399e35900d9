"""Real classifiers of digits, and exports with a fault."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import served_model
from components.trainer.network import keras_archive
from data.graph import decoding, graph_orientation
from tasks.classification import answers as predictions
from tests.models import TINY_SPEC, Exported, tiny
from tests.tasks.classification.answered import TRAIN, Digits


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits()


@pytest.fixture(scope="session")
def served(digits: Digits) -> predictions.Predictions:
    """Returns a decent model's answers about the 897 test images."""
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
                decoding._decoders.cache_clear()
            served_model.save(served, spec, "tiny", root / "saved_model", root)
        if not exif:
            decoding._decoders.cache_clear()
        keras_archive.save(tiny(), root / keras_archive.FILE)
        return Exported(root / keras_archive.FILE, root / "saved_model")

    return make
