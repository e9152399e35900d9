"""Objects and detections of an image as rows of numbers, in memory and in evaluation records.

| objects | detections |
|---|---|
| ymin, xmin, ymax, xmax in pixels of the upright image | the same |
| index of the class | score in 0–1 |
| 1 for a crowd | index of the class |
| 1 for a difficult one | 1 at the operating threshold of its class or above |
| area in pixels | |

Where detections are handed on to be measured, a header row comes first, with the number of classes
K in the place of the class: no row of an image tells how many classes there are.

Dimension letters: N images, G objects, D detections.
"""

from collections.abc import Iterable

import numpy as np

from tasks.boxes import matching

OBJECTS, DETECTIONS = "objects", "detections"
OBJECT_COLUMNS, DETECTION_COLUMNS = 8, 7
CLASS = 5  # the column of a detection


def packed(values: np.ndarray) -> list[float]:
    """Returns rows [G, C] as a flat list that is never empty.

    Some readers of records do not tell an empty list from an absent one, so a row of zeros is first.
    """
    return [*([0.0] * values.shape[1]), *np.asarray(values, np.float64).ravel().tolist()]


def unpacked(values: np.ndarray, columns: int) -> np.ndarray:
    """Returns the rows float64 [G, C] of a list that :func:`packed` made."""
    return np.asarray(values, np.float64).reshape(-1, columns)[1:]


def headed(detections: np.ndarray, class_count: int) -> np.ndarray:
    """Returns detections with the header row: [1 + D, 7]."""
    header = np.zeros((1, DETECTION_COLUMNS))
    header[0, CLASS] = class_count
    return np.concatenate([header, detections])


def headless(detections: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns detections [D, 7] without the header row, and its number of classes."""
    return detections[1:], int(detections[0, CLASS])


def boxed(values: np.ndarray) -> np.ndarray:
    """Returns rows as a single object, which arrays of images can hold whatever their number."""
    made = np.empty((), object)
    made[()] = values
    return made


def many(values: Iterable[np.ndarray]) -> np.ndarray:
    """Returns the rows of N images as an array of objects [N]."""
    listed = list(values)
    made = np.empty(len(listed), object)
    for index, one in enumerate(listed):
        made[index] = one
    return made


def truth(objects: np.ndarray) -> matching.Truth:
    """Converts rows [G, 8] for matching."""
    return matching.Truth(
        boxes=objects[:, :4],
        class_ids=objects[:, 4].astype(int),
        is_crowd=objects[:, 5] > 0,
        is_difficult=objects[:, 6] > 0,
        area_px=objects[:, 7],
    )


def found(detections: np.ndarray) -> matching.Detections:
    """Converts rows [D, 7] for matching."""
    return matching.Detections(
        boxes=detections[:, :4], scores=detections[:, 4], class_ids=detections[:, 5].astype(int)
    )


def shown(detections: np.ndarray) -> np.ndarray:
    """Returns the rows at or above the operating thresholds."""
    return detections[detections[:, 6] > 0]
