"""How long a phase is where there are few images."""

import pytest

from components.trainer import config
from components.trainer.loop import lengths


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
    settings = config.TrainConfig(min_phase_steps=least, early_stopping_patience=5)
    assert lengths.lengthened(epochs, images, 8, settings) == wanted


def test_patience_of_0_stays_endless():
    settings = config.TrainConfig(min_phase_steps=50, early_stopping_patience=0)
    assert lengths.lengthened(5, 8, 8, settings) == (50, 0)
