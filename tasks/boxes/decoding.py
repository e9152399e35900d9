"""Maps of the head → boxes: the best cells, and of those that mean one object the best.

Each cell offers a box for each class. Objects whose centres lie close, such as the bananas of a
bunch, often share one peak of the heat map, so all good cells are candidates, and only overlap decides
which of them are one object. If only peaks are candidates, positions that no neighbour in 3×3
exceeds, decoding is cheaper and such objects are lost; peaks are those of Zhou et al., 2019, "Objects
as Points", https://arxiv.org/abs/1904.07850.

Dimension letters: B batch, h w the map, K classes, M detections, C candidates.
"""

import tensorflow as tf

from tasks.boxes import graph_geometry

MAX_DETECTIONS = 100
# More would cost time and memory with their square.
CANDIDATES = 512
# Two boxes of one class that overlap by more than this are one object, unless a setting says else.
MAX_IOU = 0.6
# Columns of packed detections, behind the corners.
CLASS_ID, SCORE, COLUMNS = 4, 5, 6
# Sides of a box, in shares of the image, are exp of the head's outputs within these bounds.
LOG_SIDE_BOUNDS = (-8.0, 1.0)


def decode(
    maps: tf.Tensor,
    max_iou: float = MAX_IOU,
    peaks_only: bool = False,
    rounds: int | None = None,
) -> dict[str, tf.Tensor]:
    """Decodes a batch.

    Args:
      maps: float32 [B, h, w, K + 4]: K logits of the heat map, the offset of the centre in cells
        (y, x), the logarithm of height and width in shares of the image.
      max_iou: for non-maximum suppression within a class; 1: none.
      peaks_only: whether a candidate is a cell that no neighbour exceeds.
      rounds: of the suppression, see graph_geometry.suppress; None: as many as it needs.

    Returns:
      boxes float32 [B, M, 4], ymin, xmin, ymax, xmax in 0–1 of the square image, not clipped;
      scores float32 [B, M] in 0–1, falling; class_ids int32 [B, M]. M is 100, or the number of
      positions × classes if that is less. Places without a detection have the score 0.
    """
    classes = maps.shape[-1] - 4
    height, width = maps.shape[1], maps.shape[2]
    heat = tf.sigmoid(maps[..., :classes])
    if peaks_only:
        heat = tf.where(heat >= tf.nn.max_pool2d(heat, 3, 1, "SAME"), heat, tf.zeros_like(heat))
    every = height * width * classes
    count = min(MAX_DETECTIONS if peaks_only else CANDIDATES, every)
    scores, places = tf.math.top_k(tf.reshape(heat, [-1, every]), count)
    class_ids, cells = places % classes, places // classes
    offered = tf.reshape(boxes_of(maps[..., classes:]), [-1, height * width, 4])
    boxes = tf.gather(offered, cells, batch_dims=1)
    if max_iou < 1:
        scores, boxes, class_ids = _suppressed(scores, boxes, class_ids, max_iou, rounds)
    most = min(MAX_DETECTIONS, count)
    return {
        "boxes": boxes[:, :most],
        "scores": scores[:, :most],
        "class_ids": class_ids[:, :most],
    }


def boxes_of(maps: tf.Tensor) -> tf.Tensor:
    """Computes the box that each cell offers.

    Args:
      maps: float32 [B, h, w, 4]: offset of the centre in cells, logarithm of the sides.

    Returns:
      float32 [B, h, w, 4]: ymin, xmin, ymax, xmax in 0–1 of the square image, not clipped.
    """
    height, width = maps.shape[1], maps.shape[2]
    # The gradient of one unstack is one stack, that of each slice a map of zeros around it.
    down, right, *sides = tf.unstack(maps, axis=-1)
    rows = (tf.range(height, dtype=tf.float32)[:, None] + 0.5 + down) / height
    columns = (tf.range(width, dtype=tf.float32)[None] + 0.5 + right) / width
    tall, wide = (tf.exp(tf.clip_by_value(side, *LOG_SIDE_BOUNDS)) / 2 for side in sides)
    return tf.stack([rows - tall, columns - wide, rows + tall, columns + wide], axis=-1)


def packed(found: dict[str, tf.Tensor], least_score: float) -> tf.Tensor:
    """Lays the detections of :func:`decode` out in one array.

    Args:
      found: of B images.
      least_score: detections below it become zeros.

    Returns:
      float32 [B, 100, 6]: ymin, xmin, ymax, xmax in 0–1 of the square image, clipped; the class;
      the score, falling.
    """
    scores = found["scores"]
    columns = [
        tf.clip_by_value(found["boxes"], 0.0, 1.0),
        tf.cast(found["class_ids"], tf.float32)[..., None],
        scores[..., None],
    ]
    rows = tf.concat(columns, axis=-1) * tf.cast(scores >= least_score, tf.float32)[..., None]
    missing = MAX_DETECTIONS - scores.shape[1]
    return tf.pad(rows, [[0, 0], [0, missing], [0, 0]]) if missing else rows


def _suppressed(
    scores: tf.Tensor,
    boxes: tf.Tensor,
    class_ids: tf.Tensor,
    max_iou: float,
    rounds: int | None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    clipped = tf.clip_by_value(boxes, 0.0, 1.0)
    kept = graph_geometry.suppress(clipped, scores, class_ids, max_iou, rounds)
    # A stable sort: removed ones move to the end, equal scores keep their order.
    order = tf.argsort(kept, axis=1, direction="DESCENDING", stable=True)
    order = order[:, :MAX_DETECTIONS]
    scores, boxes, class_ids = (
        tf.gather(values, order, batch_dims=1) for values in (kept, boxes, class_ids)
    )
    return scores, boxes, class_ids
