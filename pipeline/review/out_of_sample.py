"""Answers about images by a head that was not fitted on them: flipped training labels stand out.

The head is ridge regression from embeddings to the labels, in closed form: each fold is the whole Gram
matrix without its own part, so folds of 100,000 images take seconds and no second pass over the
images. Copies and near-duplicates share a fold, or one would vouch for the other's wrong label.

Dimension letters: N images, D embedding, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FOLDS = 5
# Of the mean of the Gram matrix's diagonal; the best of them by cross-validation is taken.
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
_ROWS = 4096  # of a product at a time
# Temperatures that turn scores into probabilities; the most likely of the given labels is taken.
_TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Answers:
    """Answers out of sample.

    Attributes:
      probabilities: float32 [N, K] in 0–1; rows sum to 1 where an image has one label.
      strength: the regularisation that was chosen, of STRENGTHS.
      temperature: what scores are multiplied by before the softmax.
      agreement: share of the images, in 0–1, whose given labels are the answer.
    """

    probabilities: np.ndarray
    strength: float
    temperature: float
    agreement: float


@dataclass(frozen=True)
class Head:
    """A head that was fitted on all images.

    Attributes:
      mean: float [D] of the unit embeddings.
      weights: float [D, K].
      prior: float [K], mean of the targets.
      temperature: what scores are multiplied by before the softmax.
      one: whether an image has exactly one label.
    """

    mean: np.ndarray
    weights: np.ndarray
    prior: np.ndarray
    temperature: float
    one: bool

    def probabilities(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns float32 [N, K] for embeddings [N, D]."""
        scores = (unit(embeddings) - self.mean) @ self.weights + self.prior
        return _probabilities(scores, self.temperature, self.one)


def unit(rows: np.ndarray) -> np.ndarray:
    """Returns rows [N, D] of length 1 as float32; a row of zeros stays one."""
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def answers(
    embeddings: np.ndarray, presence: np.ndarray, groups: np.ndarray, one: bool, seed: int = 0
) -> Answers:
    """Answers about every image by heads that were fitted on the others.

    Args:
      embeddings: float [N, D].
      presence: bool [N, K], the labels as they are given.
      groups: int [N]; images of one group share a fold.
      one: whether an image has exactly one label.
      seed: of the assignment to folds.
    """
    rows, targets = unit(embeddings), presence.astype(np.float32)
    folds = _folds(groups, seed)
    best: tuple[float, float, np.ndarray] | None = None
    for strength, scores in zip(STRENGTHS, _scores(rows, targets, folds), strict=True):
        lost = _loss(scores, presence, one)
        if best is None or lost < best[0]:
            best = (lost, strength, scores)
    assert best is not None  # noqa: S101  there are strengths
    _, strength, scores = best
    temperature = _temperature(scores, presence, one)
    probabilities = _probabilities(scores, temperature, one)
    agreement = float(1 - _wrong(probabilities, presence, one).mean()) if len(rows) else 0.0
    return Answers(probabilities, strength, temperature, agreement)


def fit(embeddings: np.ndarray, presence: np.ndarray, one: bool, found: Answers) -> Head:
    """Fits a head on all images, with the regularisation that was best out of sample.

    Args:
      embeddings: float [N, D].
      presence: bool [N, K], the labels.
      one: whether an image has exactly one label.
      found: what :func:`answers` returned for them.
    """
    rows, targets = unit(embeddings), presence.astype(np.float32)
    mean, prior = rows.mean(0), targets.mean(0)
    rows = rows - mean
    gram = rows.T @ rows
    weights = np.linalg.solve(_ridged(gram, found.strength), rows.T @ (targets - prior))
    # On its own images it would be too sure.
    return Head(mean, weights, prior, found.temperature, one)


def suspicion(
    probabilities: np.ndarray, presence: np.ndarray, one: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks images by the confidence with which the answers disagree with the given labels.

    Args:
      probabilities: float [N, K] out of sample.
      presence: bool [N, K], the labels as they are given.
      one: whether an image has exactly one label.

    Returns:
      float [N] in −1 to 1, above 0 where the answer is another: with one label, the improbability of
      the given one, which finds more errors than its distance from the best (self-confidence, Kuan and
      Mueller, 2022, https://arxiv.org/abs/2210.03920); with several, how far the most doubtful label
      is on the wrong side of ½, doubled. int [N]: the class in doubt, with one label the best other.
    """
    if one:
        others = np.where(presence, -1.0, probabilities)
        given = np.where(presence, probabilities, 0).max(1)
        best = others.argmax(1)
        ahead = others.max(1) - given
        return np.where(ahead > 0, 1 - given, ahead), best
    doubts = np.where(presence, 0.5 - probabilities, probabilities - 0.5) * 2
    worst = doubts.argmax(1)
    return doubts.max(1), worst


def outlyingness(embeddings: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """Returns float [N] in 0–2: one minus the cosine to the nearest mean of a class, without any to the mean of all."""
    rows = unit(embeddings)
    if not presence.shape[1]:
        presence = np.ones([len(rows), 1], bool)
    counts = presence.sum(0)
    means = unit(presence.T.astype(np.float32) @ rows)[counts > 0]
    if not len(means):
        return np.zeros(len(rows), np.float32)
    return 1 - (rows @ means.T).max(1)


def _folds(groups: np.ndarray, seed: int) -> np.ndarray:
    """Returns the fold of each image, int [N]."""
    _, numbers = np.unique(groups, return_inverse=True)
    count = int(numbers.max()) + 1 if len(numbers) else 0
    order = np.random.default_rng(seed).permutation(count)
    return order[numbers] % min(FOLDS, max(count, 2))


def _scores(rows: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> Sequence[np.ndarray]:
    """Returns float [N, K] out of sample for each of STRENGTHS."""
    features = rows.shape[1]
    # With more features than images the same solution is found among the images.
    parts = (
        _by_features(rows, targets, folds)
        if len(rows) > features
        else _by_images(rows, targets, folds)
    )
    made = [np.zeros(targets.shape, np.float32) for _ in STRENGTHS]
    for part in parts:
        for strength, scores in zip(STRENGTHS, made, strict=True):
            level = max(float(part.values.sum()) / features, 1e-12)
            shrunk = part.shown / (part.values + strength * level)[:, None]
            scores[part.held] = part.asked @ shrunk + part.prior
    return made


class _Part(NamedTuple):
    """One fold: the images that are held out, and the others by the axes of their variance.

    Attributes:
      held: bool [N].
      values: float [R], the variance along each axis, summed over the images.
      shown: float [R, K], what the others have along each axis.
      asked: float [H, R], where the held ones are.
      prior: float [K], mean of the others' targets.
    """

    held: np.ndarray
    values: np.ndarray
    shown: np.ndarray
    asked: np.ndarray
    prior: np.ndarray


def _by_features(rows: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> Iterator[_Part]:
    total, cross = _product(rows, rows), _product(rows, targets)
    sums, hits = rows.sum(0, dtype=np.float64), targets.sum(0, dtype=np.float64)
    for fold in np.unique(folds):
        held = folds == fold
        own, answered = rows[held], targets[held]
        left = len(rows) - int(held.sum())
        if not left:
            continue
        mean, prior = (sums - own.sum(0)) / left, (hits - answered.sum(0)) / left
        # Centring: X'X − n m m', and the same of X'Y.
        gram = total - _product(own, own) - left * np.outer(mean, mean)
        to = cross - _product(own, answered) - left * np.outer(mean, prior)
        values, vectors = np.linalg.eigh(gram)
        yield _Part(held, np.maximum(values, 0), vectors.T @ to, (own - mean) @ vectors, prior)


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns one' other in double precision: differences of such are taken."""
    made = np.zeros((one.shape[1], other.shape[1]))
    for start in range(0, len(one), _ROWS):
        block = slice(start, start + _ROWS)
        made += one[block].T.astype(np.float64) @ other[block].astype(np.float64)
    return made


def _by_images(rows: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> Iterator[_Part]:
    for fold in np.unique(folds):
        held = folds == fold
        others, shown = rows[~held], targets[~held]
        if not len(others):
            continue
        mean, prior = others.mean(0), shown.mean(0)
        others = others - mean
        values, vectors = np.linalg.eigh(others @ others.T)
        asked = ((rows[held] - mean) @ others.T) @ vectors
        yield _Part(held, np.maximum(values, 0), vectors.T @ (shown - prior), asked, prior)


def _ridged(gram: np.ndarray, strength: float) -> np.ndarray:
    level = max(float(np.trace(gram)) / len(gram), 1e-12)
    return gram + strength * level * np.eye(len(gram), dtype=gram.dtype)


def _probabilities(scores: np.ndarray, temperature: float, one: bool) -> np.ndarray:
    if not one:
        return np.clip(scores, 0, 1).astype(np.float32)
    powers = np.exp(temperature * (scores - scores.max(1, keepdims=True)))
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def _temperature(scores: np.ndarray, presence: np.ndarray, one: bool) -> float:
    if not one:
        return 1.0
    return min(
        _TEMPERATURES, key=lambda value: _log_loss(_probabilities(scores, value, one), presence)
    )


def _log_loss(probabilities: np.ndarray, presence: np.ndarray) -> float:
    given = np.where(presence, probabilities, 0).sum(1)
    return float(-np.log(np.maximum(given, 1e-6)).mean()) if len(given) else 0.0


def _loss(scores: np.ndarray, presence: np.ndarray, one: bool) -> float:
    if not one:
        return float(((scores - presence) ** 2).mean()) if len(scores) else 0.0
    return _log_loss(_probabilities(scores, _temperature(scores, presence, one), one), presence)


def _wrong(probabilities: np.ndarray, presence: np.ndarray, one: bool) -> np.ndarray:
    if one:
        return ~presence[np.arange(len(presence)), probabilities.argmax(1)]
    return ((probabilities >= 0.5) != presence).any(1)
