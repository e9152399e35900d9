"""Overlap of boxes, and the choice among boxes that overlap, inside graphs.

Boxes are ymin, xmin, ymax, xmax in any unit. Dimension letters: B batch, M, N boxes.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def iou(ones: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Computes the intersection over union of pairs, in a graph.

    Args:
      ones: float32 [..., 4], not inverted.
      others: float32 [..., 4], not inverted.

    Returns:
      float32 [...] in 0–1; 0 for two empty boxes.
    """
    own, other = _sides(ones), _sides(others)
    common = _common(own, other)
    return tf.math.divide_no_nan(common, _area(own) + _area(other) - common)


def giou(ones: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Computes the generalised intersection over union of pairs, in a graph.

    GIoU = IoU − (|C| − |A ∪ B|) / |C| with C the smallest box around both. Source: Rezatofighi et
    al., 2019, https://arxiv.org/abs/1902.09630.

    Args:
      ones: float32 [..., 4], not inverted.
      others: float32 [..., 4], not inverted.

    Returns:
      float32 [...] in −1 … 1; 0 for two empty boxes at one place.
    """
    own, other = _sides(ones), _sides(others)
    common = _common(own, other)
    union = _area(own) + _area(other) - common
    around = _area(
        [
            *(tf.minimum(one, two) for one, two in zip(own[:2], other[:2], strict=True)),
            *(tf.maximum(one, two) for one, two in zip(own[2:], other[2:], strict=True)),
        ]
    )
    return tf.math.divide_no_nan(common, union) - tf.math.divide_no_nan(around - union, around)


def _sides(boxes: tf.Tensor) -> list[tf.Tensor]:
    # The gradient of one unstack is one stack, that of each slice a map of zeros around it.
    return tf.unstack(boxes, axis=-1)  # type: ignore[no-any-return]


def _area(sides: Sequence[tf.Tensor]) -> tf.Tensor:
    ymin, xmin, ymax, xmax = sides
    return tf.maximum(ymax - ymin, 0.0) * tf.maximum(xmax - xmin, 0.0)


def _common(ones: Sequence[tf.Tensor], others: Sequence[tf.Tensor]) -> tf.Tensor:
    return _area(
        [
            *(tf.maximum(one, two) for one, two in zip(ones[:2], others[:2], strict=True)),
            *(tf.minimum(one, two) for one, two in zip(ones[2:], others[2:], strict=True)),
        ]
    )


def suppress(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    class_ids: tf.Tensor,
    max_iou: float,
    rounds: int | None = None,
) -> tf.Tensor:
    """Removes boxes that overlap a better one of the same class (non-maximum suppression).

    From the best score down, a box is kept unless its IoU with a kept one of its class is above
    ``max_iou``. All boxes are judged at once by the ones above them, again and again until nothing
    changes; that gives the same as one after the other, for a whole batch, with operations that
    every runtime has.

    Args:
      boxes: float32 [B, M, 4].
      scores: float32 [B, M], falling.
      class_ids: int32 [B, M].
      max_iou: the largest IoU at which both boxes are kept.
      rounds: how often all boxes are judged, without a loop in the graph; right where no chain of boxes
        that hide each other is longer. None: until nothing changes.

    Returns:
      float32 [B, M]: the scores, 0 for removed boxes.
    """
    low = tf.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = tf.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    sides = tf.maximum(high - low, 0.0)
    common = sides[..., 0] * sides[..., 1]
    own = tf.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    area = own[..., 0] * own[..., 1]
    # No division: small boxes would lose digits.
    over = common > max_iou * (area[:, :, None] + area[:, None, :] - common)
    same = class_ids[:, :, None] == class_ids[:, None, :]
    count = scores.shape[1]
    below = tf.constant(np.tril(np.ones((count, count), bool), -1))  # [m, n]: n is better than m
    hides = tf.cast(over & same & below[None], tf.float32)

    def judge(_: tf.Tensor, kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return kept, 1.0 - tf.reduce_max(hides * kept[:, None, :], axis=2)

    if rounds is not None:
        kept = tf.ones_like(scores)
        for _ in range(rounds):
            _, kept = judge(kept, kept)
        return scores * kept
    _, kept = tf.while_loop(
        lambda before, now: tf.reduce_any(before != now),
        judge,
        judge(scores, tf.ones_like(scores)),
        maximum_iterations=count,
    )
    return scores * kept
