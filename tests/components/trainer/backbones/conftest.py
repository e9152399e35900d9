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


# Too dear even to build for `make test`; efficientnet_b0 is made by the same code.
BUILT = tuple(name for name in registry.REGISTRY if name != "efficientnet_b4")


def dear(every: Iterable[str] = registry.REGISTRY, quick: Iterable[str] = QUICK) -> list[Any]:
    """Lists the backbones as parameters of computing tests; the others are for landing.

    `make test` builds them, too, and looks at what is known without computing.
    """
    return [
        pytest.param(name, marks=() if name in quick else pytest.mark.landing) for name in every
    ]


@functools.cache
def built(name: str) -> keras.Model:
    """Builds the backbone for 64 px; a test that changes what trains restores it."""
    return registry.build(name, SIZE, "random")


def pixels(count: int = 2) -> np.ndarray:
    """Noise uint8 [count, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
