"""What the page draws of an answer: the contract of a version names one of the displays below.

A model that is new to this gateway may name another one; the page then says so. Dimension letter:
K classes.
"""

import base64
import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from serving.client import predicted, protocol

# Bars in a response; more would clutter the page.
MOST_BARS = 6
MOST_BOXES = 100
MOST_NEIGHBOURS = 10


class Display(str, enum.Enum):
    """The displays; ``display`` in contract.json has the value."""

    CLASS_BARS = "class_bars"  # one class: a bar for each of the most probable ones
    LABEL_BARS = "label_bars"  # any number of labels: bars with their thresholds
    MASK = "mask"  # a class for each pixel: colours over the image, and each class's share
    NEIGHBOURS = "neighbours"  # images of a gallery: their paths, labels, and how alike they are
    BOXES = "boxes"  # objects: boxes over the image, from a score on that the user chooses


def content(answer: protocol.Answer, contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the page draws of the answer about one image.

    Args:
      answer: the answer of ``serving_default``.
      contract: that version's contract; one without ``display`` is of a model of one class.

    Returns:
      ``display``, ``valid``, ``invalid_reason`` (a code, or empty), ``outlier`` (None: the model
      has no such output), and what the display needs; of an unknown display only these.
    """
    name = contract.get("display", Display.CLASS_BARS.value)
    row = {output: values[0] for output, values in answer.outputs.items()}
    found = {
        "display": name,
        "valid": bool(row.get("valid", True)),
        "invalid_reason": row.get("invalid_reason", b"").decode(),
        "outlier": bool(row["outlier"]) if "outlier" in row else None,
    }
    draw = _DISPLAYS.get(name)
    return found | draw(row, contract) if draw else found


def _class_bars(row: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``class_count`` K and ``classes``: ``label`` and ``probability``, highest first."""
    probabilities, names = _named(row, contract)
    order = np.argsort(-probabilities, kind="stable")[:MOST_BARS]
    return _bars(row, names, [_bar(names, probabilities, index) for index in order])


def _label_bars(row: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``class_count`` K and ``classes``, the chosen labels first.

    Each has ``label``, ``probability``, ``threshold`` (None where the contract names none) and
    ``chosen``, whether the image has the label. All chosen ones are there.
    """
    probabilities, names = _named(row, contract)
    thresholds = contract.get("thresholds", {})
    valid = bool(row.get("valid", True))
    chosen = set(predicted.names(row[predicted.LABELS])) if valid else set()
    order = sorted(
        range(len(names)), key=lambda index: (names[index] not in chosen, -probabilities[index])
    )
    bars = [
        _bar(names, probabilities, index)
        | {"threshold": thresholds.get(names[index]), "chosen": names[index] in chosen}
        for index in order[: max(MOST_BARS, len(chosen))]
    ]
    return _bars(row, names, bars)


def _mask(row: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``class_count`` K, ``classes``, the largest first, and ``mask``.

    Each class has ``label``, ``probability``, its share of the pixels, and ``colour``, #rrggbb.
    ``mask`` has ``side`` S, ``values``, S · S class numbers as bytes in base64, ``colours`` of all K
    classes, and ``resize``, how the image became square.
    """
    shares = np.atleast_1d(row["class_fractions"])
    names = contract.get("labels")
    if names is None or len(names) != len(shares):
        names = [f"class {index}" for index in range(len(shares))]
    colours = contract.get("colours", [])
    colours = [
        one if re.fullmatch("#[0-9a-f]{6}", str(one)) else "#808080"
        for one in [*colours, *[""] * len(names)][: len(names)]
    ]
    order = [int(index) for index in np.argsort(-shares, kind="stable") if shares[index] > 0]
    bars = [_bar(names, shares, index) | {"colour": colours[index]} for index in order[:MOST_BARS]]
    found = _bars(row, names, bars)
    if not row.get("valid", True):
        return found
    ids = np.asarray(row["class_ids"]).astype(np.uint8)
    values = base64.b64encode(ids.tobytes()).decode()
    resize = contract.get("resize", "stretch")
    mask = {"side": len(ids), "values": values, "colours": colours, "resize": resize}
    return found | {"mask": mask}


def _boxes(row: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``class_count`` K, ``classes``, which is empty, and ``boxes``, best first.

    Each box has ``label``, ``class_id``, its place in the contract's labels (K if it is none of them),
    which decides its colour in every image, ``score``, ``threshold``, the operating threshold of its class (None where
    the contract names none), and ``corners``: ymin, xmin, ymax, xmax in 0–1 of the upright image.
    """
    names = contract.get("labels", [])
    found: dict[str, Any] = {"class_count": len(names), "classes": [], "boxes": []}
    if not row.get("valid", True):
        return found
    thresholds = contract.get("thresholds", {})
    count = min(int(row["num_detections"]), len(row["scores"]), MOST_BOXES)
    height, width = (max(1.0, float(side)) for side in row["image_size"])
    for index in range(count):
        label = row["labels"][index].decode("utf-8", "replace")
        top, left, bottom, right = (float(value) for value in row["boxes"][index])
        corners = [top / height, left / width, bottom / height, right / width]
        found["boxes"].append(
            {
                "label": label,
                "class_id": names.index(label) if label in names else len(names),
                "score": float(row["scores"][index]),
                "threshold": thresholds.get(label),
                "corners": [min(1.0, max(0.0, value)) for value in corners],
            }
        )
    return found


def _neighbours(row: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``class_count`` K, ``classes``, which is empty, and ``neighbours``, the nearest first.

    Each neighbour has ``path``, ``label``, and ``cosine`` in −1–1. ``gallery`` is the number of images
    that were searched, None where the contract does not state it.
    """
    stated = contract.get("gallery")
    images = stated.get("images") if isinstance(stated, Mapping) else None
    found: dict[str, Any] = {"class_count": len(contract.get("labels", [])), "classes": []}
    rows = zip(
        np.atleast_1d(row["neighbours"]),
        np.atleast_1d(row["neighbour_labels"]),
        np.atleast_1d(row["cosines"]),
        strict=True,
    )
    shown = [
        {
            "path": path.decode("utf-8", "replace"),
            "label": label.decode("utf-8", "replace"),
            "cosine": float(cosine),
        }
        for path, label, cosine in rows
        if path
    ]
    return found | {
        "neighbours": shown[:MOST_NEIGHBOURS] if row.get("valid", True) else [],
        "gallery": images if isinstance(images, int) else None,
    }


def _named(row: Mapping[str, Any], contract: Mapping[str, Any]) -> tuple[np.ndarray, Sequence[str]]:
    """Returns the probabilities [K] and K names; without fitting labels, the classes' numbers."""
    probabilities = np.atleast_1d(row["probabilities"])
    labels = contract.get("labels")
    if labels is None or len(labels) != len(probabilities):
        labels = [f"class {index}" for index in range(len(probabilities))]
    return probabilities, labels


def _bar(names: Sequence[str], probabilities: np.ndarray, index: int) -> dict[str, Any]:
    return {"label": names[index], "probability": float(probabilities[index])}


def _bars(
    row: Mapping[str, Any], names: Sequence[str], bars: list[dict[str, Any]]
) -> dict[str, Any]:
    is_shown = bool(row.get("valid", True))
    return {"class_count": len(names), "classes": bars if is_shown else []}


_DISPLAYS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    Display.CLASS_BARS.value: _class_bars,
    Display.LABEL_BARS.value: _label_bars,
    Display.MASK.value: _mask,
    Display.BOXES.value: _boxes,
    Display.NEIGHBOURS.value: _neighbours,
}
