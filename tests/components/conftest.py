"""What the tests of several steps ask: one tiny exported model, made once a session."""

import pytest

from components.trainer import export
from tests.components.release_gate import conftest


@pytest.fixture(scope="session")
def right(tmp_path_factory) -> conftest.Exported:
    """The tiny classifier as a SavedModel, and the ``.keras`` file that it was made from."""
    root = tmp_path_factory.mktemp("right")
    classifier = conftest.classifier()
    export.save(classifier, conftest.SPEC, "tiny", root / "saved_model", root)
    export.save_keras(classifier, root / export.KERAS_FILE)
    return conftest.Exported(root / export.KERAS_FILE, root / "saved_model")
