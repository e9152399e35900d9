"""Sections of the report: figures, classes, confusion of pixels, sizes, and the worst images."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data import formats
from data.masks import VOID
from tasks.pages import parts, scale
from tasks.segmentation import signatures
from tasks.segmentation.answers import masks as predictions
from tasks.segmentation.figures import FIGURES
from tasks.segmentation.panels import colours, drawing, suspects


def tiles(report: parts.Report) -> list[parts.Tile]:
    """Returns the headline figures."""
    result = report.result
    iou = result.figures["mean_iou"]
    bounds = "" if iou.value is None else formats.bounds(iou.interval)
    return [
        parts.Tile("mean IoU", formats.percent(iou.value), bounds),
        parts.Tile("pixel accuracy", formats.percent(result.value("pixel_accuracy"))),
        parts.Tile("mean Dice", formats.percent(result.value("mean_dice"))),
        parts.Tile(
            "frequency-weighted IoU", formats.percent(result.value("frequency_weighted_iou"))
        ),
    ]


def overview(report: parts.Report) -> list[parts.Section]:
    """Returns the section of the figures of the whole test split."""
    content = {"columns": columns(by_class=False), "absent": absent(report)}
    return [parts.Section("figures", "Figures", "pixels.html.jinja", content)]


def details(report: parts.Report) -> list[parts.Section]:
    """Returns the sections on each class, the confusion of pixels, and objects by size."""
    result = report.result
    shown = columns(by_class=True)
    classes = {
        "columns": shown,
        "chief": next(one for one in shown if one.name == "iou"),
        "scale": scale.of_figures(row.figures["iou"] for row in result.per_class.values()),
        "thresholds": None,
    }
    return [
        parts.Section("classes", "Classes", "classes.html.jinja", classes),
        parts.Section("confusion", "Confusion", "pixel_confusion.html.jinja", confusion(report)),
        parts.Section("sizes", "Object size", "sizes.html.jinja", report.chosen),
    ]


def images(report: parts.Report) -> list[parts.Section]:
    """Returns the sections of the images with the lowest mean IoU, and with doubtful masks."""
    names, chosen = report.result.labels, report.chosen
    legend = list(zip(names, colours.css(len(names)), strict=True))
    found = []
    if rows := [picture(report, row) for row in chosen.worst]:
        content = {"rows": rows, "legend": legend}
        found.append(parts.Section("worst", "Worst images", "worst.html.jinja", content))
    content = {
        "rows": [doubtful(report, row) for row in chosen.suspects],
        "count": chosen.suspected,
        "examined": chosen.measured,
        "legend": legend,
        "sure": signatures.SURE,
    }
    title = "Likely annotation errors"
    return [*found, parts.Section("suspects", title, "suspects.html.jinja", content)]


@dataclass(frozen=True)
class Picture:
    """An image to show: its row, and its true mask, answer and errors as data URIs."""

    row: Any
    truth: str
    answer: str
    errors: str


def picture(report: parts.Report, row: Any) -> Picture:
    """Draws the masks of one image in the shape in which the page shows the image."""
    found, resize = report.candidate, report.contract["resize"]
    truth, mask = (
        drawing.square(predictions.decoded(one[row.place]), resize)
        for one in (found.truths, found.masks)
    )
    count = len(found.names)
    return Picture(
        row,
        drawing.coloured(truth, count),
        drawing.coloured(mask, count),
        drawing.errors(truth, mask),
    )


@dataclass(frozen=True)
class Doubtful:
    """An image whose mask may be wrong: its row, its mask, and the contradicting regions, as data URIs."""

    row: suspects.Suspect
    truth: str
    regions: str


def doubtful(report: parts.Report, row: suspects.Suspect) -> Doubtful:
    """Draws the mask of an image, and in the colours of the answer the regions that contradict it."""
    found, resize = report.candidate, report.contract["resize"]
    truth, sure = (predictions.decoded(one[row.place]) for one in (found.truths, found.sure))
    count = len(found.names)
    shown = np.full_like(truth, VOID)
    for region in suspects.contradicting(truth, sure, count):
        shown[region] = sure[region]
    return Doubtful(
        row,
        drawing.coloured(drawing.square(truth, resize), count),
        drawing.cut_out(drawing.square(shown, resize), count),
    )


def confusion(report: parts.Report) -> dict[str, Any]:
    """Returns the shares of each class's pixels by answered class, for the template."""
    result = report.result
    has_nothing = any(row[-1] for row in result.confusion)
    heads = [*result.labels, *(["nothing"] if has_nothing else [])]
    rows = []
    for name, row in zip(result.labels, result.confusion, strict=True):
        total = sum(row)
        shares = [count / total if total else None for count in row[: len(heads)]]
        rows.append((name, total, shares))
    return {"heads": heads, "rows": rows}


def columns(by_class: bool) -> list[parts.Column]:
    """Returns the metrics of the whole, or of each class, as they are shown."""
    chosen = FIGURES.by_class if by_class else FIGURES.of_whole
    return [parts.Column(one.name, one.title, one.is_rate) for one in chosen]


def absent(report: parts.Report) -> list[str]:
    """Names the classes that no test image shows, which the means leave out."""
    return [name for name, row in report.result.per_class.items() if not row.support]
