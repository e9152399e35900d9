"""How long a phase is where there are few images."""

from types import SimpleNamespace

import pytest

from components.trainer.loop import phases


@pytest.mark.parametrize(
    ("images", "batch", "epochs", "least", "wanted"),
    [
        (61, 8, 20, 0, 20),
        (61, 8, 20, 160, 20),
        (61, 8, 20, 161, 21),
        (61, 8, 20, 500, 63),
        (367, 8, 20, 500, 20),
        (0, 8, 3, 5, 5),
    ],
)
def test_epochs_are_raised_until_there_are_enough_steps(images, batch, epochs, least, wanted):
    source = SimpleNamespace(image_count=images, batch_size=batch)
    assert phases.lengthened(epochs, source, least) == wanted
