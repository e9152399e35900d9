"""How long a phase is where there are few images."""

from types import SimpleNamespace

import pytest

from components.trainer import config
from components.trainer.loop import phases


@pytest.mark.parametrize(
    ("images", "epochs", "least", "wanted"),
    [
        (61, 20, 0, (20, 5)),
        (61, 20, 160, (20, 5)),
        (61, 20, 161, (21, 6)),
        (61, 20, 500, (63, 16)),
        (367, 20, 500, (20, 5)),
        (0, 3, 6, (6, 10)),
    ],
)
def test_epochs_and_patience_are_raised_until_there_are_enough_steps(images, epochs, least, wanted):
    source = SimpleNamespace(image_count=images, batch_size=8)
    settings = config.TrainConfig(min_phase_steps=least, early_stopping_patience=5)
    assert phases.lengthened(epochs, source, settings) == wanted


def test_patience_of_0_stays_endless():
    source = SimpleNamespace(image_count=8, batch_size=8)
    settings = config.TrainConfig(min_phase_steps=50, early_stopping_patience=0)
    assert phases.lengthened(5, source, settings) == (50, 0)
