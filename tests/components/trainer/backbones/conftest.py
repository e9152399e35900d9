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


def dear(
    every: Iterable[str] = registry.REGISTRY,
    quick: Iterable[str] = QUICK,
    largest: pytest.MarkDecorator = pytest.mark.long,
) -> list[Any]:
    """Lists the backbones as parameters of computing tests; the others are for landing, the largest by hand.

    `make test` builds the others, too, and looks at what is known without computing.
    """
    marks: dict[str, Any] = {LARGEST: largest} | dict.fromkeys(quick, ())
    return [pytest.param(name, marks=marks.get(name, pytest.mark.landing)) for name in every]


def built_only() -> list[Any]:
    """Lists the backbones as parameters of tests that build them and compute little; the largest is for landing."""
    others = [name for name in registry.REGISTRY if name != LARGEST]
    return dear(quick=others, largest=pytest.mark.landing)


@functools.cache
def built(name: str) -> keras.Model:
    """Builds the backbone for 64 px; a test that changes what trains restores it."""
    return registry.build(name, SIZE, "random")


def pixels(count: int = 2) -> np.ndarray:
    """Noise uint8 [count, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
