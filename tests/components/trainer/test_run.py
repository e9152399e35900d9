import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import special

from components.preprocess import materialise
from components.trainer import contract as trained_contract
from components.trainer import run
from components.trainer.network import keras_archive
from tasks.classification import calibration
from tests.components.trainer import conftest
from tests.data.pictures import saved


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """Runs run_fn with arguments as of TFX, and returns what it wrote."""
    root = tmp_path_factory.mktemp("run")
    pixels = root / "pixels"
    splits = {"train": conftest.images(0), "eval": conftest.images(1)}
    files = {name: conftest.write(pixels / name, *rows) for name, rows in splits.items()}
    counts = {"train": conftest.COUNT, "eval": conftest.COUNT, "test": 0}
    spec = materialise.Spec(conftest.SIZE, "stretch", conftest.LABELS, counts)
    (pixels / materialise.SPEC_FILE).write_text(spec.to_json())
    settings = {
        "weights": str(conftest.backbone_weights(root)),
        "outlier_coverage": 0.9,
        "fine_tune_epochs": 0,
    }
    run.run_fn(
        types.SimpleNamespace(
            train_files=files["train"][:1],
            eval_files=files["eval"][:1],
            model_run_dir=str(root / "run"),
            serving_model_dir=str(root / "model" / "saved_model"),
            hyperparameters=None,
            base_model=None,
            custom_config={
                "train": conftest.SETTINGS.model_copy(update=settings).model_dump_json(),
                "augment": conftest.CHANGES.model_dump_json(),
                "seed": 0,
                "code": "",
                "cache_dir": str(root / "cache"),
                "checkpoint_dir": str(root / "unfinished"),
            },
        )
    )
    return root / "model" / "saved_model"


@pytest.fixture(scope="module")
def serve(model_dir, graphs_as_they_are):
    return tf.saved_model.load(str(model_dir)).signatures["serving_default"]


def test_what_is_served_was_calibrated_on_eval(model_dir, serve):
    """The logits of the .keras file over the contract's temperature give what is served."""
    contract = json.loads((model_dir / "assets" / trained_contract.FILE).read_text())
    pixels, label_ids = conftest.images(1)
    classifier = keras.saving.load_model(model_dir.parent / keras_archive.FILE)
    logits = classifier(pixels, training=False).numpy()
    encoded = [saved(Image.fromarray(image), "PNG") for image in pixels]
    answer = serve(image_bytes=tf.constant(encoded))
    temperature = contract["temperature"]
    np.testing.assert_allclose(
        answer["probabilities"], special.softmax(logits / temperature, axis=1), atol=1e-5
    )
    assert temperature != 1.0
    at_one, fitted = (
        calibration.log_loss(logits, label_ids, value) for value in (1.0, temperature)
    )
    assert fitted < at_one
    assert contract["outlier_coverage"] == 0.9
    expected = answer["outlier_score"].numpy() > contract["outlier_threshold"]
    assert answer["outlier"].numpy().tolist() == expected.tolist()
    # The rank of 0.9 × 65 is the 59th of 64; scores on the edge may fall to either side.
    assert 4 <= expected.sum() <= 6


def test_an_image_that_is_nothing_of_the_kind_is_an_outlier(serve):
    colours = np.zeros((conftest.SIZE, conftest.SIZE, 3), np.uint8)
    colours[::4, :, 0] = colours[:, ::3, 1] = 255
    answer = serve(image_bytes=tf.constant([saved(Image.fromarray(colours), "PNG")]))
    assert answer["outlier"].numpy().tolist() == [True]
