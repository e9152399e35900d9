"""The settings of plain.yaml are the usual recipe: a plain Keras script ends with equal weights."""

from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from components.trainer import config, devices
from components.trainer.backbones import registry
from components.trainer.loop import phases, sources, training_job
from components.trainer.network import model
from data.augment import augment_config
from data.examples import dataset
from tests.components.trainer import conftest

RECIPE = Path(__file__).resolve().parents[3] / "pipeline" / "configs" / "plain.yaml"
EPOCHS = 2


def script(job: training_job.Job) -> keras.Model:
    """Frozen backbone with Adam at 1e-3, then the top blocks at 1e-5, BatchNorm frozen."""
    devices.set_seed(job.seed)
    classifier = model.build(job.config, conftest.SPEC)
    backbone = classifier.get_layer("backbone")

    def fit(phase: str, rate: float) -> None:
        classifier.compile(
            optimizer=keras.optimizers.Adam(rate),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
        for epoch in range(EPOCHS):
            seed = sources.number(job.seed, 0, phase)
            batches = dataset.training_batches(
                job.train_files,
                conftest.COUNT,
                conftest.SIZE,
                32,
                job.annotation,
                job.changes,
                seed,
                epoch,
            )
            classifier.fit(batches, epochs=1, verbose=0)

    fit("head", 1e-3)
    first = [layer.name for layer in backbone.layers].index(registry.REGISTRY["cnn"].block_ends[-2])
    for layer in backbone.layers[first + 1 :]:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    fit("fine_tune", 1e-5)
    return classifier


@pytest.mark.landing
def test_a_plain_script_ends_with_equal_weights(make_job):
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    settings = config.TrainConfig(**recipe["train"])
    # The small backbone of these tests and fewer epochs; changes in the data, where they repeat.
    settings = settings.model_copy(
        update={"head_epochs": EPOCHS, "fine_tune_epochs": EPOCHS, "unfreeze_blocks": 1}
    )
    changes = augment_config.AugmentConfig(**{**recipe["augment"], "where": "data"})
    own = {name: getattr(settings, name) for name in config.TrainConfig.model_fields}
    for name in ("backbone", "weights"):
        del own[name]
    job = make_job(changes, **own)
    trained, history = phases.train(job)
    assert history.kept == "fine_tune"
    for one, other in zip(trained.get_weights(), script(job).get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
