"""Measures how much accuracy a model loses when its images are mildly corrupted.

Pillow corrupts the upright image, on all processors; the result is resized by the same graph as
a served image, so that the classifier gets what a worse camera would deliver.

Dimension letters: B batch, N images, H, W image, S side in pixels, K classes.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.evaluator import corruptions
from components.trainer.features import engine
from data import progress
from data.examples import example, reading
from data.graph import decoding
from tasks import evaluate_config, metric, task
from tasks.facets import judging
from tasks.predictions import answered
from tasks.statistics import averages

BATCH = 16
LIMIT = 500
CLEAN = "clean"
TASK = "corrupting images"
RECALL = "recall"


@dataclass(frozen=True)
class Row:
    """A model's results under one corruption; shares in 0–1, None where undefined.

    Attributes:
      name: the corruption's, or "clean".
      accuracy: the metric ``share_right`` of the task, such as the share of images answered right.
      macro_recall: mean recall of the classes with images; None for a task without that metric.
      accuracy_loss, macro_recall_loss: loss against the same images without corruption; below 0
        is a gain.
      count: the number of images.
      unchanged: how many of them could not be opened and count with their clean answer.
    """

    name: str
    accuracy: float | None
    macro_recall: float | None
    accuracy_loss: float | None
    macro_recall_loss: float | None
    count: int
    unchanged: int


@dataclass(frozen=True)
class Eye:
    """A trained network with its preprocessing.

    Attributes:
      answer: pixels uint8 [B, S, S, 3] in 0–255, and places int64 [B] of the images that they are made
        of → answers float [B, ...], see ``metric.Tally``.
      size_px: the side S.
      resize: as of :func:`data.graph.decoding.resize`.
    """

    answer: Callable[[np.ndarray, np.ndarray], np.ndarray]
    size_px: int
    resize: decoding.ResizeMode


def of_network(
    network: keras.Model,
    contract: Mapping[str, Any],
    found: answered.Answered,
    files: Sequence[str],
    limit: int = LIMIT,
    saved_model: Path | None = None,
) -> list[Row]:
    """Measures a model through the network that it was exported from, see :func:`measure`.

    Args:
      network: pixels [B, S, S, 3] in 0–255 → outputs float32 [B, K].
      contract: the model's, with its task, the side S and the resize mode.
      found: see :func:`measure`.
      files: see :func:`measure`.
      limit: the maximum number of images; with 0 nothing is measured.
      saved_model: the model's folder; None: its contract states all that its answers need.
    """
    learned = task.load(contract["task"])
    if not limit or learned.figures.survives_corruption == "none":
        return []
    count = min(limit, len(found.paths)) * len(corruptions.CORRUPTIONS)
    run = engine.compile_for(network, count, tf.uint8)
    fitted = learned.calibration.of_contract(contract, saved_model)

    square = answered.Square(contract["image_size_px"], contract["resize"])

    def answer(pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
        return found.answers_of(np.asarray(fitted.probabilities(run(pixels))), places, square)

    eye = Eye(answer, *square)
    return measure(learned.figures, eye, found, files, limit)


def measure(
    figures: judging.Figures,
    eye: Eye,
    found: answered.Answered,
    files: Sequence[str],
    limit: int = LIMIT,
) -> list[Row]:
    """Runs a model on some images under every corruption.

    Where what is true belongs to places in the image, corruptions that move them are left out, and the
    clean image is answered like the corrupted ones, to be compared at the model's size.

    The images are the same for every model and run: those with the lowest digests, the classes in
    turn. Memory does not grow with the number of images. An image that Pillow cannot open keeps
    its clean answer, since the same bytes give the same answer.

    Args:
      figures: the task's metrics.
      eye: the model.
      found: its answers about the clean images, all of ``files`` in the order of the records.
      files: shards of image records.
      limit: the maximum number of images.

    Returns:
      A row for the clean images, then one for each corruption.
    """
    chosen = choose(files, found.groups, limit)
    is_placed = figures.survives_corruption == "unmoving"
    kinds = [one for one in corruptions.CORRUPTIONS if not (is_placed and one.moves)]
    names = [CLEAN, *(kind.name for kind in kinds)]
    measurement = next(one for one in figures.measurements if figures.share_right in one.names)
    applied = [corruptions.UNCHANGED, *kinds] if is_placed else kinds
    tallies = [measurement.tally(evaluate_config.EvaluateConfig()) for _ in names]
    count, unchanged, task_shown = 0, 0, progress.start(TASK, total=len(chosen))
    resized, clean, targets = _resizer(eye), found.answers, found.targets
    # Pillow and TensorFlow both let other threads run while they work on an image.
    with futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for places, encoded in _batches(files, chosen):
            answers = np.stack([clean[places]] * len(names))
            views = list(pool.map(lambda content: _views(content, applied, resized), encoded))
            is_open = np.array([view is not None for view in views])
            count, unchanged = count + len(encoded), unchanged + int((~is_open).sum())
            if is_open.any():
                pixels = np.concatenate([view for view in views if view is not None])
                told = eye.answer(pixels, np.repeat(places[is_open], len(applied)))
                by_image = told.reshape(-1, len(applied), *told.shape[1:])
                answers[-len(applied) :, is_open] = np.moveaxis(by_image, 1, 0)
            for tally, rows in zip(tallies, answers, strict=True):
                tally.add(targets[places], rows)
            task_shown.advance(len(encoded))
    rates = [
        (
            averages.known(float(values[figures.share_right])),
            averages.mean(_array(values[RECALL])) if RECALL in values else None,
        )
        for values in (tally.values() for tally in tallies)
    ]
    return _rows(names, rates, count, unchanged)


def _views(
    encoded: bytes,
    applied: Sequence[corruptions.Corruption],
    resized: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray | None:
    """Applies C corruptions, uint8 [C, S, S, 3]; None where Pillow cannot open the image."""
    image = corruptions.opened(encoded)
    if image is None:
        return None
    return np.stack([resized(np.asarray(one.apply(image))) for one in applied])


def _resizer(eye: Eye) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function, traced once: uint8 [H, W, 3], any H and W → uint8 [S, S, 3]."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])
    def resize(pixels: tf.Tensor) -> tf.Tensor:
        return decoding.resize(pixels, eye.size_px, eye.resize)

    return lambda pixels: resize(tf.constant(pixels)).numpy()  # type: ignore[no-any-return]


def choose(files: Sequence[str], groups: np.ndarray, limit: int) -> list[int]:
    """Picks images from shards; returns their places among the records, ascending.

    Every group contributes its image with the lowest digest, then its next one, and so on.

    Args:
      files: shards of N image records.
      groups: int64 [N], such as the class of each image.
      limit: the maximum number of images.
    """
    digests: dict[int, list[tuple[bytes, int]]] = {}
    place = 0
    for serialized in reading.records(files).batch(BATCH).prefetch(2):
        for digest in example.parse(serialized, [example.SHA256])[example.SHA256].numpy():
            of_group = digests.setdefault(int(groups[place]), [])
            of_group.append((digest, place))
            place += 1
            if len(of_group) > 2 * limit:  # so that memory stays flat
                of_group.sort()
                del of_group[limit:]
    ranked = sorted(
        (rank, group, index)
        for group, of_group in digests.items()
        for rank, (_, index) in enumerate(sorted(of_group))
    )
    return sorted(index for _, _, index in ranked[:limit])


def _batches(
    files: Sequence[str], chosen: Sequence[int]
) -> Iterator[tuple[np.ndarray, list[bytes]]]:
    """Yields places int64 [B] and encoded images of the chosen records."""
    wanted = tf.constant(chosen, tf.int64)
    records = reading.records(files).enumerate()
    records = records.filter(lambda place, _: tf.reduce_any(place == wanted))
    for places, serialized in records.batch(BATCH).prefetch(1):
        encoded = example.parse(serialized, [example.ENCODED])[example.ENCODED]
        yield places.numpy(), list(encoded.numpy())


def _rows(
    names: Sequence[str],
    rates: Sequence[tuple[float | None, float | None]],
    count: int,
    unchanged: int,
) -> list[Row]:
    clean_accuracy, clean_recall = rates[0]
    return [
        Row(
            name=name,
            accuracy=accuracy,
            macro_recall=recall,
            accuracy_loss=_loss(clean_accuracy, accuracy),
            macro_recall_loss=_loss(clean_recall, recall),
            count=count,
            unchanged=0 if name == CLEAN else unchanged,
        )
        for name, (accuracy, recall) in zip(names, rates, strict=True)
    ]


def _array(value: metric.Value) -> np.ndarray:
    return np.atleast_1d(np.asarray(value, np.float64))


def _loss(clean: float | None, corrupted: float | None) -> float | None:
    return None if clean is None or corrupted is None else clean - corrupted
