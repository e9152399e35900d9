"""Solves a linear head: the weights at which its loss with an L2 penalty on the kernel is least.

The problem is convex, so it is solved by L-BFGS, of which 40 iterations cost about as much as a few epochs of
small steps, and which ends where such steps would not arrive in many epochs. The loss of the eval split
chooses the strength of the penalty.

Sources: Liu & Nocedal, 1989, https://doi.org/10.1007/BF01589116 (L-BFGS); for such heads on frozen features
Kornblith et al., 2019, https://arxiv.org/abs/1805.08974, section 3.

Dimension letters: N images, F features, K classes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy import optimize

from tasks.facets.training import Embedded

# From the strongest to the weakest: each starts where the one before ended.
PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
_ITERATIONS = 40
# Penalties in a row that are worse than the best one before weaker ones are not tried.
_WORSE = 2
_TINY = 1e-6


class Layer(NamedTuple):
    """Weights of a linear layer: kernel float32 [F, K] and bias float32 [K]."""

    kernel: np.ndarray
    bias: np.ndarray

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """Computes float32 [N, K] of features [N, F]."""
        return (features @ self.kernel + self.bias).astype(np.float32)  # type: ignore[no-any-return]


class Problem:
    """Finds the layer with the least loss on some images, for one penalty after another.

    The penalty is half the squared norm of the kernel, of features that are centred and have a mean
    variance of 1.

    Args:
      images: to train on, one at least.
      loss: of targets and logits [N, K].
      classes: K.
    """

    def __init__(self, images: Embedded, loss: keras.losses.Loss, classes: int) -> None:
        self._mean = images.features.mean(axis=0)
        rows = images.features - self._mean
        self._spread = max(float(np.sqrt((rows**2).mean())), _TINY)
        self._classes = classes
        self._point = np.zeros((rows.shape[1] + 1) * classes)
        inputs = tf.constant(rows / np.float32(self._spread))
        targets = tf.constant(images.targets)
        weights = tf.constant(images.weights / images.weights.sum(), tf.float32)

        @tf.function(autograph=False)
        def slope(kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, ...]:
            logits = tf.matmul(inputs, kernel) + bias
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = tf.reduce_sum(loss.call(targets, logits) * weights)
            of_logits = tape.gradient(value, logits)
            of_kernel = tf.matmul(inputs, of_logits, transpose_a=True)
            return value, of_kernel, tf.reduce_sum(of_logits, axis=0)

        self._slope = slope

    def solve(self, penalty: float) -> Layer:
        """Returns the layer for a penalty, starting from the one that was found before."""

        def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
            kernel, bias = self._parts(point)
            value, of_kernel, of_bias = (one.numpy() for one in self._slope(kernel, bias))
            total = float(value) + penalty / 2 * float((kernel**2).sum())
            slope = np.concatenate([of_kernel + penalty * kernel, of_bias[None]])
            return total, slope.astype(np.float64).ravel()

        found = optimize.minimize(
            objective, self._point, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
        )
        self._point = found.x
        kernel, bias = self._parts(self._point)
        kernel = kernel / np.float32(self._spread)
        return Layer(kernel, bias - self._mean @ kernel)

    def _parts(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        both = point.reshape(-1, self._classes).astype(np.float32)
        return both[:-1], both[-1]


def best(
    problem: Problem,
    features: np.ndarray,
    loss: Callable[[np.ndarray], float],
    penalties: Sequence[float] = PENALTIES,
) -> Layer:
    """Chooses the penalty by the loss on held-out images.

    Args:
      problem: of the training images.
      features: float32 [N, F] of the held-out images.
      loss: of logits float32 [N, K] of these images.
      penalties: to try, from the strongest on.
    """
    found: list[tuple[float, Layer]] = []
    for penalty in penalties:
        layer = problem.solve(penalty)
        found.append((loss(layer.outputs(features)), layer))
        losses = [reached for reached, _ in found]
        if len(losses) - 1 - losses.index(min(losses)) >= _WORSE:
            break
    return min(found, key=lambda one: one[0])[1]
