"""Every backbone built once a session, with random weights, for the batteries of tests."""

import functools
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import pytest

from components.trainer.backbones import registry

SIZE = 64
# Own layers, plain operations, and the smallest.
QUICK = ("efficientnet_lite0", "mobilenet_v3_small", "cnn")


# Made by the same code as efficientnet_b0, with more and wider blocks; see `make test-long`.
LARGEST = "efficientnet_b4"
BUILT = tuple(name for name in registry.REGISTRY if name != LARGEST)


def dear(
    every: Iterable[str] = registry.REGISTRY,
    quick: Iterable[str] = QUICK,
    largest: pytest.MarkDecorator = pytest.mark.long,
) -> list[Any]:
    """Lists the backbones as parameters of computing tests; the others are for landing, the largest by hand.

    `make test` builds the others, too, and looks at what is known without computing.
    """
    dearer = {name: largest if name == LARGEST else pytest.mark.landing for name in every}
    return [pytest.param(name, marks=() if name in quick else dearer[name]) for name in every]


@functools.cache
def built(name: str) -> keras.Model:
    """Builds the backbone for 64 px; a test that changes what trains restores it."""
    return registry.build(name, SIZE, "random")


def pixels(count: int = 2) -> np.ndarray:
    """Noise uint8 [count, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
