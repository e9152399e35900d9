"""Every backbone built once a session, with random weights, for the batteries of tests."""

import functools

import keras
import numpy as np

from components.trainer.backbones import registry

SIZE = 64


@functools.cache
def built(name: str) -> keras.Model:
    """The backbone for 64 px; whoever changes what trains sets it back."""
    return registry.build(name, SIZE, "random")


def pixels(count: int = 2) -> np.ndarray:
    """Noise uint8 [count, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
