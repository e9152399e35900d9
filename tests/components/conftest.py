"""What the tiny model answers in every stage of parity, asked once for the tests of several steps."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from components.infra_validator import config as infra_config
from components.release_gate.parity import differences, parity, parity_images, server_trial
from components.trainer import served_model
from data.examples import example, examples_artifact, records
from tests import models
from tests.data.pictures import noise, saved


@pytest.fixture(scope="session")
def export_alone(tmp_path_factory) -> Callable[[keras.Model], Path]:
    """Exports a model as a SavedModel."""

    def make(served: keras.Model) -> Path:
        root = tmp_path_factory.mktemp("model")
        served_model.save(served, models.TINY_SPEC, "tiny", root / "saved_model", root)
        return root / "saved_model"

    return make


@pytest.fixture(scope="session")
def of_each_class() -> dict[str, bytes]:
    """A JPEG of each class."""
    return {
        name: saved(noise(40, 60, seed), "JPEG") for seed, name in enumerate(models.TINY_LABELS)
    }


@pytest.fixture(scope="session")
def images(of_each_class) -> list[parity_images.ParityImage]:
    return parity_images.images(of_each_class)


@pytest.fixture(scope="session")
def examples(of_each_class, tmp_path_factory) -> Path:
    """The images as an Examples artifact with a test split."""
    rows = []
    for name, encoded in of_each_class.items():
        record = tf.train.Example()
        record.features.feature[example.ENCODED].bytes_list.value.append(encoded)
        record.features.feature[example.CLASS_TEXT].bytes_list.value.append(name.encode())
        rows.append(record.SerializeToString())
    folder = tmp_path_factory.mktemp("examples")
    records.write(examples_artifact.shard_path(str(folder), "test", 0, 1), rows)
    return folder


@dataclass(frozen=True)
class Asked:
    """What the right model said in every stage.

    Attributes:
      found: parity.
      record: what the running server said to InfraValidator's questions; None without a server.
    """

    found: differences.Parity
    record: server_trial.Record | None


@pytest.fixture(scope="session")
def asked(right, images, examples) -> Asked:
    """The right model through every stage, by a server where one is installed."""
    asker = server_trial.Asker(
        right.saved_model,
        examples_artifact.shards(str(examples), "test"),
        models.TINY_SPEC,
        infra_config.InfraConfig().questions,
    )
    found = parity.check(
        right.keras_file, right.saved_model, images, spec=models.TINY_SPEC, ask_also=asker
    )
    return Asked(found, asker.record)
