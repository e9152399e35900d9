"""Sections of the report: figures, classes, kinds of errors, curves, and images with boxes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data import formats
from tasks.detection.figures import FIGURES
from tasks.detection.panels import drawing
from tasks.pages import parts, scale

KINDS = {
    "right": "right",
    "missed": "missed: an object that nothing finds",
    "false": "false: a detection where there is no object",
    "wrong_class": "wrong class: a detection on an object of another class",
    "badly_placed": "badly placed: the class is right, the IoU below 0.5",
    "duplicate": "duplicate: a second detection of one object",
}


def tiles(report: parts.Report) -> list[parts.Tile]:
    """Returns the headline figures."""
    result = report.result
    found = result.figures["map50"]
    bounds = "" if found.value is None else formats.bounds(found.interval)
    return [
        parts.Tile("mAP50", formats.percent(found.value), bounds),
        parts.Tile("mAP50–95", formats.percent(result.value("map"))),
        parts.Tile("mAP75", formats.percent(result.value("map75"))),
        parts.Tile("average recall", formats.percent(result.value("average_recall"))),
    ]


def overview(report: parts.Report) -> list[parts.Section]:
    """Returns the section of the figures of the whole test split."""
    content = {"columns": columns(by_class=False), "left_out": report.result.left_out}
    return [parts.Section("figures", "Figures", "detections.html.jinja", content)]


def details(report: parts.Report) -> list[parts.Section]:
    """Returns the sections on each class, on the kinds of errors, and on where boxes lie."""
    result, found = report.result, report.candidate
    shown = columns(by_class=True)
    classes = {
        "columns": shown,
        "chief": next(one for one in shown if one.name == "ap50"),
        "scale": scale.of_figures(row.figures["ap50"] for row in result.per_class.values()),
        "thresholds": report.contract["thresholds"],
    }
    kinds = {
        "rows": [(words, result.kinds[kind]) for kind, words in KINDS.items()],
        "labels": result.labels,
    }
    boxes = {
        "curves": drawing.curves(found),
        "truth": drawing.where(found.objects, found.sizes),
        "sides": sides(found.objects, found.sizes),
    }
    return [
        parts.Section("classes", "Classes", "classes.html.jinja", classes),
        parts.Section("errors", "Errors", "errors.html.jinja", kinds),
        parts.Section("boxes", "Boxes", "boxes.html.jinja", boxes),
    ]


@dataclass(frozen=True)
class Drawn:
    """An image to show, and the shapes over it."""

    path: str
    boxes: list[drawing.Box]
    words: str


def images(report: parts.Report) -> list[parts.Section]:
    """Returns the sections of images with errors, and of likely errors of the annotation."""
    resized = drawing.Resized(report.contract["resize"], report.contract["image_size_px"])

    def drawn(rows: list[Any]) -> list[Drawn]:
        return [
            Drawn(row.path, drawing.boxes(report.candidate, row, resized), words(row))
            for row in rows
        ]

    found = [
        (
            "worst",
            "Images with most errors",
            "At the operating thresholds. Dashed: true boxes, orange if missed. Green: right"
            " detections; red: wrong ones. Point at a box to read what it is.",
            drawn(report.chosen.worst),
        ),
        (
            "unmarked",
            "Objects that may lack a box",
            "Confident detections where no object of their class is marked: errors of the model, or"
            " of the annotation.",
            drawn(report.chosen.unmarked),
        ),
        (
            "unseen",
            "Boxes in which nothing is found",
            "No detection of any class and score overlaps them by an IoU of 0.3: too hard for the model,"
            " or no objects.",
            drawn(report.chosen.unseen),
        ),
    ]
    shown = [
        parts.Section(
            name,
            title,
            "drawn.html.jinja",
            {"id": name, "title": title, "about": about, "rows": rows},
        )
        for name, title, about, rows in found
        if rows
    ]
    crops = _crops(report)
    return [*shown, *([crops] if crops else [])]


def _crops(report: parts.Report) -> parts.Section | None:
    """Returns the section of single objects and detections; None where all is right."""
    chosen, seen = report.chosen, dict[str, int]()
    numbered = []
    for cut in chosen.cuts:
        numbered.append((cut, seen.get(cut.path, 0)))
        seen[cut.path] = numbered[-1][1] + 1
    groups, start = [], 0
    for title, cuts in (
        ("Missed: the largest objects that nothing finds", chosen.missed),
        ("False: the surest detections without an object", chosen.false),
        ("Confused: the surest detections on an object of another class", chosen.confused),
    ):
        if cuts:
            groups.append((title, numbered[start : start + len(cuts)]))
        start += len(cuts)
    content = {"groups": groups}
    return parts.Section("crops", "Single objects", "crops.html.jinja", content) if groups else None


def words(row: Any) -> str:
    """Returns the errors of an image in a few words."""
    counts: dict[str, int] = {}
    for kind in (*row.kinds, *row.objects):
        counts[kind.value] = counts.get(kind.value, 0) + 1
    named = {kind: counts[kind] for kind in KINDS if kind != "right" and kind in counts}
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in named.items())


def sides(objects: np.ndarray, sizes: np.ndarray) -> list[tuple[str, int]]:
    """Counts objects by their side, the root of their share of the image's area."""
    shares = [
        np.sqrt((one[:, 2] - one[:, 0]) * (one[:, 3] - one[:, 1]) / max(1.0, float(size.prod())))
        for one, size in zip(objects, sizes, strict=True)
    ]
    joined = np.concatenate([np.zeros(0), *shares])
    bounds = (0, 0.05, 0.1, 0.2, 0.4, 0.7, np.inf)
    names = ("under 5%", "5–10%", "10–20%", "20–40%", "40–70%", "70% or more")
    counts, _ = np.histogram(joined, bounds)
    return list(zip(names, counts.tolist(), strict=True))


def columns(by_class: bool) -> list[parts.Column]:
    """Returns the metrics of the whole, or of each class, as they are shown."""
    chosen = FIGURES.by_class if by_class else FIGURES.of_whole
    return [parts.Column(one.name, one.title, one.is_rate) for one in chosen]
