"""Maps of the head → boxes: peaks of the heat map in neighbourhoods of 3×3.

A position is a peak if no neighbour has a higher score; that replaces most of non-maximum
suppression. Source: Zhou et al., 2019, "Objects as Points", https://arxiv.org/abs/1904.07850.

Dimension letters: B batch, h w the map, K classes, M detections.
"""

import tensorflow as tf

from tasks.boxes import graph_geometry

MAX_DETECTIONS = 100
# Columns of packed detections, behind the corners.
CLASS_ID, SCORE, COLUMNS = 4, 5, 6
# Sides of a box, in shares of the image, are exp of the head's outputs within these bounds.
LOG_SIDE_BOUNDS = (-8.0, 1.0)


def decode(maps: tf.Tensor, max_iou: float | None = None) -> dict[str, tf.Tensor]:
    """Decodes a batch.

    Args:
      maps: float32 [B, h, w, K + 4]: K logits of the heat map, the offset of the centre in cells
        (y, x), the logarithm of height and width in shares of the image.
      max_iou: for non-maximum suppression within a class; None: none.

    Returns:
      boxes float32 [B, M, 4], ymin, xmin, ymax, xmax in 0–1 of the square image, not clipped;
      scores float32 [B, M] in 0–1, falling; class_ids int32 [B, M]. M is 100, or the number of
      positions × classes if that is less. Places without a detection have the score 0.
    """
    classes = maps.shape[-1] - 4
    height, width = maps.shape[1], maps.shape[2]
    heat = tf.sigmoid(maps[..., :classes])
    highest = tf.nn.max_pool2d(heat, 3, 1, "SAME")
    peaks = tf.where(heat >= highest, heat, tf.zeros_like(heat))
    count = min(MAX_DETECTIONS, height * width * classes)
    scores, places = tf.math.top_k(tf.reshape(peaks, [-1, height * width * classes]), count)
    class_ids, cells = places % classes, places // classes
    flat = tf.reshape(maps[..., classes:], [-1, height * width, 4])
    found = tf.gather(flat, cells, batch_dims=1)
    rows, columns = tf.cast(cells // width, tf.float32), tf.cast(cells % width, tf.float32)
    centre_y = (rows + 0.5 + found[..., 0]) / height
    centre_x = (columns + 0.5 + found[..., 1]) / width
    half = tf.exp(tf.clip_by_value(found[..., 2:], *LOG_SIDE_BOUNDS)) / 2
    low = [centre_y - half[..., 0], centre_x - half[..., 1]]
    high = [centre_y + half[..., 0], centre_x + half[..., 1]]
    boxes = tf.stack(low + high, axis=-1)
    if max_iou is not None:
        scores, boxes, class_ids = _suppressed(scores, boxes, class_ids, max_iou)
    return {"boxes": boxes, "scores": scores, "class_ids": class_ids}


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
    scores: tf.Tensor, boxes: tf.Tensor, class_ids: tf.Tensor, max_iou: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    kept = graph_geometry.suppress(tf.clip_by_value(boxes, 0.0, 1.0), scores, class_ids, max_iou)
    # A stable sort: removed ones move to the end, equal scores keep their order.
    order = tf.argsort(kept, axis=1, direction="DESCENDING", stable=True)
    scores, boxes, class_ids = (
        tf.gather(values, order, batch_dims=1) for values in (kept, boxes, class_ids)
    )
    return scores, boxes, class_ids
