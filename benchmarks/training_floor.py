"""How long a two-phase training would take if it did nothing but its multiply-adds.

Counted by formulas (components.trainer.network.architecture) and divided by what a large product of
matrices reaches on this machine in the same minute. No training reaches it: the maps of the top
blocks are small, depthwise convolutions wait for memory, and graphs have to be built.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.trainer import config
from components.trainer.backbones import registry
from components.trainer.features import budget, cache
from components.trainer.network import architecture, cut

BACKWARD = 2  # of a layer that trains: the gradients of its inputs and of its weights
_SIDE = 2048
_TRIES = 5


@dataclass(frozen=True)
class Costs:
    """Multiply-adds of an image: up to the cached boundary, and in the blocks that phase 2 trains."""

    lower: int
    top: int

    @classmethod
    def of(cls, settings: config.TrainConfig, size: int) -> "Costs":
        """Counts those of a backbone for images of this side in pixels."""
        rows = architecture.rows(registry.build(settings.backbone, size, "random"))
        boundary = cut.boundary(settings.backbone, settings.unfreeze_blocks)
        first = [row.name for row in rows].index(boundary) + 1 if boundary else 0
        costs = [row.multiply_adds for row in rows]
        return cls(sum(costs[:first]), sum(costs[first:]))


def gmacs(now: Callable[[], float]) -> float:
    """Measures 10⁹ multiply-adds a second: the best of some large products of float32 matrices.

    Args:
      now: returns the seconds of the clock in use.
    """
    matrix = tf.constant(np.random.default_rng(0).random((_SIDE, _SIDE), np.float32))
    seconds = []
    for _ in range(_TRIES):
        start = now()
        tf.linalg.matmul(matrix, matrix).numpy()
        seconds.append(now() - start)
    return float(_SIDE**3 / min(seconds) / 1e9)


def of_plain(costs: Costs, counts: Mapping[str, int], epochs: int) -> dict[str, float]:
    """Counts 10⁹ multiply-adds of the plain recipe: each of ``epochs`` a phase sees every pixel."""
    forward = epochs * (counts["train"] + counts["eval"]) * (costs.lower + costs.top)
    backward = epochs * counts["train"] * BACKWARD * costs.top
    return {"head": forward / 1e9, "fine_tune": (forward + backward) / 1e9}


def of_ours(
    costs: Costs, counts: Mapping[str, int], cache_dir: Path, epochs: int
) -> dict[str, float]:
    """Counts 10⁹ multiply-adds of the cached recipe.

    Args:
      costs: of an image.
      counts: split → images.
      cache_dir: the cached features, whose rows say what was computed.
      epochs: of phase 2.
    """
    lower, embedded = (_rows(cache_dir, name) for name in ("lower", "upper_embedder"))
    trained = epochs * (counts["train"] * (1 + BACKWARD) + counts["eval"]) * costs.top
    features = lower * costs.lower + embedded * costs.top
    return {"features": features / 1e9, "fine_tune": trained / 1e9}


def _rows(cache_dir: Path, part: str) -> int:
    shards = cache_dir.glob(f"{part}-*/*.json")
    return sum(len(json.loads(path.read_text(encoding="utf-8"))["keys"]) for path in shards)


def table(
    multiply_adds: Mapping[str, float], measured: Mapping[str, float], speed: float
) -> dict[str, dict[str, Any]]:
    """Returns part → 10⁹ multiply-adds, seconds of the floor, measured seconds, share reached.

    Args:
      multiply_adds: part → 10⁹ multiply-adds; others have none.
      measured: part → seconds.
      speed: from :func:`gmacs`.
    """
    found = {}
    for part, seconds in measured.items():
        row = {"s": round(seconds, 2)}
        if part in multiply_adds:
            floor = multiply_adds[part] / speed
            row |= {"gmac": round(multiply_adds[part], 1), "floor_s": round(floor, 2)}
            row["share"] = round(floor / max(seconds, 1e-9), 3)
        found[part] = row
    return found


def gigabytes(counts: Mapping[str, int], size: int, cache_dir: Path) -> dict[str, float]:
    """Counts 10⁹ bytes: the records of pixels of all splits, and the cached features as they are on disk."""
    pixels = sum(counts.values()) * size * size * 3
    return {
        "pixels": round(pixels / 1e9, 3),
        "features": round(budget.folder_bytes(cache_dir) / 1e9, 3),
    }


class Stopwatch:
    """Seconds spent computing features, wherever training asks for them.

    Args:
      now: returns the seconds of the clock in use.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.seconds, self._now, self._depth = 0.0, now, 0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Times cache.Features.compute within the context."""
        compute = cache.Features.compute

        def timed(features: cache.Features, split: cache.Split, view: int) -> int:
            start, self._depth = self._now(), self._depth + 1
            try:
                return compute(features, split, view)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += self._now() - start

        cache.Features.compute = timed  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            cache.Features.compute = compute  # type: ignore[method-assign]
