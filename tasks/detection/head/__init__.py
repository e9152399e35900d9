"""The head of a detector: maps of centres and sizes, its loss, and mAP as what training watches.

Dimension letters: B batch, h w the map, M objects, D detections, T thresholds of IoU, K classes.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tasks.boxes import average_precision, decoding, matching
from tasks.detection import target
from tasks.detection.head import losses, network
from tasks.facets.training import Tap, Watched

# Scores are counted in bins while training watches, which costs mAP less than 0.01.
BINS = 100
_HIT, _WRONG, _POSITIVE = range(3)
_THRESHOLDS = len(matching.IOU_THRESHOLDS)
# The side of a stand-in for pixels: objects in 0–1 have no size that matters for mAP.
_SIDE_PX = 1000.0


class Head:
    """See tasks.facets.training.Head.

    The tally holds, for each threshold of IoU, class and bin of the score, the right and the wrong
    detections; and the number of objects in the first bin: int64 [T, K, BINS, 3].
    """

    taps: Sequence[Tap] = ("maps", "pooled")
    # Finer maps cost four times the time and memory for objects below 8 px of the resized image.
    strides: Sequence[int] = (8, 16, 32)
    needed_strides: Sequence[int] = strides
    most_views = 16
    # More make it no better in as many epochs, and each costs as much as two of them.
    most_head_views = 4
    viewed_images = 9_000
    # Not mAP50: of a few dozen images it is 1 or near it long before boxes are as good as they get.
    score = "map"
    score_title = "mAP"
    # The loss may rise with confidence while boxes still get better.
    watched: Watched = "score"
    is_trained = True
    solve = None

    def build(
        self, features: Mapping[Tap, Any], class_count: int, dropout: float
    ) -> keras.KerasTensor:
        """Applies a new centre head; returns maps float32 [B, h, w, K + 4]."""
        inputs = self._inputs(features)
        *shapes, (pooled,) = [one.shape[1:] for one in inputs]
        return network.build(shapes, pooled, class_count, dropout)(inputs)

    def reapply(self, model: keras.Model, features: Mapping[Tap, Any]) -> keras.KerasTensor:
        """Applies the centre head of a model to other features."""
        return model.get_layer(network.HEAD_MODEL)(self._inputs(features))

    def _inputs(self, features: Mapping[Tap, Any]) -> list[keras.KerasTensor]:
        return [*(features["maps"][stride] for stride in self.strides), features["pooled"]]

    def copy_known(
        self, last: keras.Model, model: keras.Model, old: Sequence[str], new: Sequence[str]
    ) -> int:
        """Copies all layers of the last head; of its heat map, the channels of known classes."""
        theirs = last.get_layer(network.HEAD_MODEL)
        own = model.get_layer(network.HEAD_MODEL)
        shared = [
            (one, other)
            for one, other in zip(own.layers, theirs.layers, strict=True)
            if one.name != network.HEAT_LAYER
        ]
        if any(_shapes(one) != _shapes(other) for one, other in shared):
            return 0
        for one, other in shared:
            one.set_weights(other.get_weights())
        layer = own.get_layer(network.HEAT_LAYER)
        old_kernel, old_bias = theirs.get_layer(network.HEAT_LAYER).get_weights()
        kernel, bias = (np.array(value) for value in layer.get_weights())
        known = [name for name in new if name in old]
        for name in known:
            there, here = old.index(name), new.index(name)
            kernel[..., here], bias[here] = old_kernel[..., there], old_bias[there]
        layer.set_weights([kernel, bias])
        return len(known)

    def loss(
        self, label_smoothing: float, class_weights: Sequence[float] = ()
    ) -> keras.losses.Loss:
        """Makes the loss; the heat map has soft targets of its own and no label smoothing."""
        return losses.CentreLoss(class_weights)

    def guessing_loss(self, class_count: int) -> float:
        """Returns about the loss of boxes without overlap and a heat map that is low everywhere."""
        return 2 * losses.BOX_WEIGHT + 2.0

    def metrics(self, outputs: keras.KerasTensor) -> list[keras.metrics.Metric]:
        """Makes none: mAP is defined on whole splits only."""
        return []

    def tally(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Counts int64 [T, K, BINS, 3]; see the class."""
        class_count = outputs.shape[-1] - 4
        found = decoding.packed(decoding.decode(outputs, decoding.MAX_IOU), 1 / BINS)
        tallied = tf.numpy_function(
            functools.partial(count, class_count=class_count), [targets, found], tf.int64
        )
        return tf.ensure_shape(tallied, [_THRESHOLDS, class_count, BINS, 3])

    def measure(self, tally: np.ndarray) -> float:
        """Computes mAP over IoUs of 0.5 … 0.95 from the bins, over the classes that have objects."""
        values = []
        for counts in tally.reshape(-1, BINS, 3):
            total = counts[0, _POSITIVE]
            if total:
                falling = counts[::-1]
                hits, wrong = np.cumsum(falling[:, _HIT]), np.cumsum(falling[:, _WRONG])
                values.append(average_precision.interpolated(hits, hits + wrong, float(total)))
        return float(np.mean(values)) if values else 0.0

    def draw(self, tally: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Draws nothing; the report has the curves."""
        return {}


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def count(targets: np.ndarray, found: np.ndarray, class_count: int) -> np.ndarray:
    """Counts a batch, see :class:`Head`.

    Args:
      targets: float32 [B, M, 6].
      found: float32 [B, D, 6], see :func:`decoding.packed`.
      class_count: K.

    Returns:
      int64 [T, K, BINS, 3].
    """
    tallied = np.zeros((_THRESHOLDS, class_count, BINS, 3), np.int64)
    for rows, answer in zip(targets, found, strict=True):
        matches = matching.match(truth(rows), answered(answer), class_count, matching.ALL)
        bins = np.minimum((matches.scores * BINS).astype(int), BINS - 1)
        for counts, hit, ignored in zip(tallied, matches.hit[0], matches.ignored[0], strict=True):
            wrong = ~hit & ~ignored
            np.add.at(counts, (matches.class_ids[hit], bins[hit], _HIT), 1)
            np.add.at(counts, (matches.class_ids[wrong], bins[wrong], _WRONG), 1)
            counts[:, 0, _POSITIVE] += matches.positives[0]
    return tallied


def truth(rows: np.ndarray) -> matching.Truth:
    """Converts the target of an image, [M, 6], to objects in a square of 1,000 px."""
    rows = rows[rows[:, target.CLASS_ID] >= 0].astype(np.float64)
    corners = rows[:, target.CORNERS] * _SIDE_PX
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return matching.Truth(
        boxes=corners,
        class_ids=rows[:, target.CLASS_ID].astype(int),
        area_px=areas,
        is_crowd=np.zeros(len(rows), bool),
        is_difficult=rows[:, target.IS_IGNORED] > 0,
    )


def answered(found: np.ndarray) -> matching.Detections:
    """Converts packed detections of an image, [D, 6], to such in a square of 1,000 px."""
    shown = found[found[:, decoding.SCORE] > 0].astype(np.float64)
    return matching.Detections(
        boxes=shown[:, :4] * _SIDE_PX,
        scores=shown[:, decoding.SCORE],
        class_ids=shown[:, decoding.CLASS_ID].astype(int),
    )


HEAD = Head()
