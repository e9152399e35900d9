"""The start of a linear layer in closed form: ridge regression of the targets on the embedding.

One pass over the embeddings adds up their moments, so memory does not grow with their number. Each
strength of the penalty then costs one Cholesky factorisation; the eval split chooses among them, and the
scale that makes logits of the regression's answers.

Source: Hoerl & Kennard, 1970, https://doi.org/10.1080/00401706.1970.10488634; with one target a class it
finds the directions of discriminant analysis (Hastie, Tibshirani & Friedman, The Elements of Statistical
Learning, section 4.3 and exercise 4.2).

Dimension letters: B batch, N images, F features, K classes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

# Penalties, as shares of the mean variance of a feature.
STRENGTHS = tuple(float(10**power) for power in np.arange(-2.0, 1.51, 0.5))
# Logits are this many times the answers, whose targets are ±½.
_SMALLEST_SCALE, _LARGEST_SCALE = 0.1, 100.0
_TINY = 1e-12


class Layer(NamedTuple):
    """Weights of a linear layer: kernel float64 [F, K] and bias float64 [K]."""

    kernel: np.ndarray
    bias: np.ndarray

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """Computes float32 [N, K] of features [N, F]."""
        return (features @ self.kernel + self.bias).astype(np.float32)  # type: ignore[no-any-return]

    def scaled(self, scale: float) -> "Layer":
        """Returns the layer whose outputs are so many times as large."""
        return Layer(self.kernel * scale, self.bias * scale)


class Moments:
    """Weighted sums over images: of features, targets and their products.

    Args:
      features: F.
      classes: K.
    """

    def __init__(self, features: int, classes: int) -> None:
        self._weight = 0.0
        self._sum = np.zeros(features)
        self._products = np.zeros((features, features))
        self._target_sum = np.zeros(classes)
        self._target_products = np.zeros((features, classes))

    def add(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> int:
        """Adds images and returns their number.

        Args:
          features: float [B, F].
          targets: float [B, K] in 0–1.
          weights: float [B], not negative.
        """
        rows, weights = np.asarray(features, np.float64), np.asarray(weights, np.float64)
        weighted = rows * weights[:, None]
        centred = np.asarray(targets, np.float64) - 0.5
        self._weight += float(weights.sum())
        self._sum += weighted.sum(axis=0)
        self._products += weighted.T @ rows
        self._target_sum += weights @ centred
        self._target_products += weighted.T @ centred
        return len(rows)

    def solve(self, strength: float) -> Layer:
        """Returns the layer with the least squared error to targets of ±½, with a penalty.

        Args:
          strength: of the penalty on the kernel, as a share of the mean variance of a feature.

        Raises:
          ValueError: no image was added.
          scipy.linalg.LinAlgError: the features are not finite.
        """
        if not self._weight:
            raise ValueError("there is no image to fit a layer to")
        mean, target_mean = self._sum / self._weight, self._target_sum / self._weight
        covariance = self._products / self._weight - np.outer(mean, mean)
        shared = self._target_products / self._weight - np.outer(mean, target_mean)
        penalty = strength * max(float(np.trace(covariance)) / len(mean), _TINY)
        covariance[np.diag_indices_from(covariance)] += penalty
        factor = linalg.cho_factor(covariance, lower=True, overwrite_a=True)
        kernel = linalg.cho_solve(factor, shared)
        return Layer(kernel, target_mean - mean @ kernel)


def best(
    moments: Moments,
    features: np.ndarray,
    loss: Callable[[np.ndarray], float],
    strengths: Sequence[float] = STRENGTHS,
) -> Layer:
    """Chooses penalty and scale by the loss on held-out images.

    Args:
      moments: of the training images.
      features: float32 [N, F] of the held-out images.
      loss: of logits float32 [N, K] of these images.
      strengths: penalties to try, see :meth:`Moments.solve`.

    Returns:
      The layer whose outputs are the logits.
    """
    found: list[tuple[float, Layer]] = []
    for strength in strengths:
        layer = moments.solve(strength)
        outputs = layer.outputs(features)
        scale = _best_scale(outputs, loss)
        found.append((loss(outputs * np.float32(scale)), layer.scaled(scale)))
    return min(found, key=lambda one: one[0])[1]


def _best_scale(outputs: np.ndarray, loss: Callable[[np.ndarray], float]) -> float:
    """Finds the factor of the outputs with the lowest loss; the loss is convex in it."""
    bounds = (np.log(_SMALLEST_SCALE), np.log(_LARGEST_SCALE))
    result = optimize.minimize_scalar(
        lambda power: loss(outputs * np.float32(np.exp(power))),
        bounds=bounds,
        method="bounded",
        options={"xatol": 0.02},
    )
    return float(np.exp(result.x))
