"""Features of images, computed once for each view and stored.

A view of an image is the image under one set of random changes, a pure function of its pixels,
the number of the view, the seed and the settings of augmentation. View 0 is the image unchanged.
Features may build on others: the embedding is computed from the boundary's activations.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.trainer.features import budget, engine, store
from data import progress
from data.augment import augment, augment_config
from data.examples import dataset
from data.examples.annotation import Annotation

BATCH = 64
_AT_ONCE_BYTES = 32 << 20
FLUSH_INTERVAL_S = 20.0
# To be raised when the same weights and pixels give different features.
VERSION = 1
TASK = "computing features"


def digests(pixels: np.ndarray) -> list[bytes]:
    """Hashes images: uint8 [B, S, S, 3] → B digests by sha256."""
    return [hashlib.sha256(image).digest() for image in pixels]


@dataclass(frozen=True)
class Split:
    """Images of a split, in the order of their records.

    Attributes:
      files: shards of pixels records.
      size_px: the side of the pixels.
      targets: [N, …].
      digests: sha256 of each image's pixels.
    """

    files: Sequence[str]
    size_px: int
    targets: np.ndarray
    digests: list[bytes]

    @classmethod
    def read(
        cls, files: Sequence[str], count: int, size_px: int, annotation: Annotation
    ) -> "Split":
        """Reads every record once; keeps the target of each and 32 bytes."""
        found: list[bytes] = []

        def targets_of() -> Iterator[np.ndarray]:
            batches = dataset.evaluation_batches(files, count, size_px, BATCH, annotation)
            for pixels, targets in batches.as_numpy_iterator():
                found.extend(digests(pixels))
                yield targets

        targets = dataset.gathered(targets_of(), annotation)
        return cls(files, size_px, targets, found)


@dataclass(frozen=True)
class Views:
    """Changes of images, and their seed."""

    changes: augment_config.AugmentConfig
    seed: int

    def keys(self, digests: Iterable[bytes], view: int) -> list[bytes]:
        """Returns the keys of a view, one for each image."""
        settings = b""
        if view:
            described = [self.changes.model_dump(mode="json"), self.seed, view]
            settings = json.dumps(described, sort_keys=True).encode()
        return [hashlib.sha256(digest + settings).digest() for digest in digests]

    def targets(
        self,
        targets: np.ndarray,
        digests: list[bytes],
        view: int,
        annotation: Annotation,
        padded: int,
    ) -> np.ndarray:
        """Computes the targets [N, …] of a view of some images, N at most ``padded``."""
        if view == 0:
            return targets
        rest = padded - len(targets)
        draws = np.pad(augment.view_draws(digests, view, self.seed), ((0, rest), (0, 0)))
        filled = np.pad(targets, [(0, rest)] + [(0, 0)] * (targets.ndim - 1))
        moved = annotation.moved(tf.constant(filled), tf.constant(draws), self.changes)
        return np.asarray(moved)[: len(digests)]

    def pixels(self, pixels: np.ndarray, digests: list[bytes], view: int) -> np.ndarray:
        """Computes a view of at most BATCH images: uint8 [B, S, S, 3] → the same shape and type."""
        if view == 0:
            return pixels
        draws = augment.view_draws(digests, view, self.seed)
        # All batches have the same shape, so that the graph is compiled once.
        rest = BATCH - len(pixels)
        pixels = np.pad(pixels, ((0, rest), (0, 0), (0, 0), (0, 0)))
        draws = np.pad(draws, ((0, rest), (0, 0)))
        return augment.apply(tf.constant(pixels), tf.constant(draws), self.changes).numpy()[
            : len(digests)
        ]


class Features:
    """Features of one kind, of any split and view.

    Args:
      root: the folder of all stores.
      part: the Keras model that computes them.
      views: the changes of images.
      max_bytes: maximum size of ``root``.
      below: the features that ``part`` takes; None if it takes pixels.
      expected_rows: how many are computed in the end; 0: those of the first call.
    """

    def __init__(
        self,
        root: Path,
        part: keras.Model,
        views: Views,
        max_bytes: int,
        below: "Features | None" = None,
        expected_rows: int = 0,
    ) -> None:
        name = _space(part, below.store.folder.name if below else "pixels")
        self.store: store.Store = store.Store(root / name, part.output.shape[1:])
        self.views = views
        self.below: Features | None = below
        self._part = part
        self._max_bytes = max_bytes
        self._expected_rows = expected_rows
        self._run: engine.Run | None = None
        # Maps of several strides take megabytes an image.
        self._batch = min(BATCH, max(1, _AT_ONCE_BYTES // self.store.row_bytes))

    def compute(self, split: Split, view: int) -> int:
        """Computes the missing rows of a view of a split.

        Returns:
          The number of rows that were computed.

        Raises:
          errors.UserError: there is too little space for them.
        """
        keys = self.views.keys(split.digests, view)
        missing = np.array([key not in self.store for key in keys], bool)
        count = int(missing.sum())
        if not count:
            return 0
        if self.below:
            self.below.compute(split, view)
        self._make_room(count)
        if self._run is None:
            dtype = tf.float32 if self.below else tf.uint8
            self._run = engine.compile_for(self._part, max(count, self._expected_rows), dtype)
        task = progress.start(TASK, total=count)
        flushed = time.monotonic()
        for where, rows in self._inputs(split, view, missing):
            self.store.add([keys[index] for index in where], self._run(rows))
            task.advance(len(where))
            if time.monotonic() - flushed > FLUSH_INTERVAL_S:
                self.store.flush()
                flushed = time.monotonic()
        self.store.flush()
        return count

    def read(self, split: Split, indices: np.ndarray, view: int) -> np.ndarray:
        """Reads the features of a view of some images: float32 [N, …]."""
        return self.store.read(self.views.keys((split.digests[index] for index in indices), view))

    def _inputs(
        self, split: Split, view: int, missing: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields batches of the part's inputs, with their positions in the split."""
        if self.below:
            for where in np.array_split(np.flatnonzero(missing), -(-missing.sum() // self._batch)):
                yield where, self.below.read(split, where, view)
            return
        start = 0
        for pixels in dataset.pixels(split.files, split.size_px, BATCH):
            found = np.flatnonzero(missing[start : start + len(pixels)])
            for here in np.array_split(found, -(-len(found) // self._batch)):
                digests = [split.digests[start + index] for index in here]
                yield start + here, self.views.pixels(pixels.numpy()[here], digests, view)
            start += len(pixels)

    def _make_room(self, rows: int) -> None:
        root = self.store.folder.parent
        self.store.folder.mkdir(parents=True, exist_ok=True)
        in_use: list[Path] = []
        level: Features | None = self
        while level is not None:
            if level.store.folder.exists():
                os.utime(level.store.folder)
            in_use.append(level.store.folder)
            level = level.below
        budget.make_room(root, in_use, rows * self.store.row_bytes, self._max_bytes)


def _space(part: keras.Model, source: str) -> str:
    """Names the folder of a model's features: equal for equal weights and architecture."""
    digest = hashlib.sha256(f"{VERSION}/{source}/{part.input.shape}/{part.name}".encode())
    for variable in part.variables:
        # Not its path: keras.applications number some layers differently in every process.
        digest.update(str(variable.shape).encode())
        digest.update(np.ascontiguousarray(variable).tobytes())
    return f"{part.name}-{digest.hexdigest()[:24]}"
