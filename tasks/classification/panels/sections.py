"""Sections of the report: figures, classes, confusion, calibration, and images to review."""

from collections.abc import Iterable
from typing import Any

from data import formats
from tasks import metric
from tasks.classification.figures import FIGURES, reliability
from tasks.classification.figures import result as evaluation
from tasks.classification.panels import confusion
from tasks.pages import parts, reliability_chart, scale

TOP_K = "top_k_accuracy"


def tiles(report: parts.Report) -> list[parts.Tile]:
    """Returns the headline figures."""
    result = report.result
    accuracy = result.figures["accuracy"]
    bounds = "" if accuracy.value is None else formats.bounds(accuracy.interval)
    error = reliability.expected_calibration_error(report.candidate)
    return [
        parts.Tile("accuracy", formats.percent(accuracy.value), bounds),
        parts.Tile("macro F1", formats.percent(result.averages.macro.f1)),
        parts.Tile("log loss", formats.decimal(result.value("log_loss")), "nats"),
        parts.Tile("calibration error", formats.percent(error), "expected"),
    ]


def overview(report: parts.Report) -> list[parts.Section]:
    """Returns the section of the figures of the whole test split."""
    result = report.result
    content = {"columns": columns(metrics_of(result), result), "averages": averages(result)}
    return [parts.Section("figures", "Figures", "figures.html.jinja", content)]


def details(report: parts.Report) -> list[parts.Section]:
    """Returns the sections on each class, the confusion of classes, and calibration."""
    result = report.result
    f1 = scale.of_figures(row.figures["f1"] for row in result.per_class.values())
    shown = by_class(result)
    classes = {
        "columns": shown,
        "chief": next(one for one in shown if one.name == "f1"),
        "scale": f1,
        "thresholds": None,
    }
    calibration = {
        "chart": reliability_chart.draw(reliability.bins(report.candidate)),
        "error": reliability.expected_calibration_error(report.candidate),
        "about": "Of the images predicted with 80% probability, 80% should be correct:",
        "facts": calibrated(report),
    }
    found = [parts.Section("classes", "Classes", "classes.html.jinja", classes)]
    if result.confusion:
        matrix = confusion.build(report)
        found.append(parts.Section("confusion", "Confusion", "confusion.html.jinja", matrix))
    found.append(parts.Section("calibration", "Calibration", "calibration.html.jinja", calibration))
    return found


def images(report: parts.Report) -> list[parts.Section]:
    """Returns the sections with images to review, of those that there are."""
    chosen = report.chosen
    every = (
        (
            "mistakes",
            "Worst mistakes",
            "Wrong answers with the highest probability: true class → predicted class.",
            chosen.worst,
        ),
        (
            "uncertain",
            "Most uncertain",
            "Images whose two most probable classes are closest. Review them; more images like"
            " them are worth labelling.",
            chosen.doubtful,
        ),
        (
            "labels",
            "Likely label errors",
            "Images whose label is likely wrong (confident learning): folder → likely class."
            " Check these first.",
            chosen.mislabelled,
        ),
    )
    return [
        parts.Section(
            name,
            title,
            "examples.html.jinja",
            {"id": name, "title": title, "about": about, "rows": rows},
        )
        for name, title, about, rows in every
        if rows
    ]


def columns(metrics: Iterable[metric.Metric], result: evaluation.Result) -> list[parts.Column]:
    """Returns metrics as they are shown."""
    return [parts.Column(one.name, one.titled(result.top_k), one.is_rate) for one in metrics]


def by_class(result: evaluation.Result) -> list[parts.Column]:
    """Returns the metrics of each class as they are shown."""
    return columns(FIGURES.by_class, result)


def averages(result: evaluation.Result) -> list[tuple[str, Any]]:
    """Returns the averages over the classes by their titles."""
    return [(name, getattr(result.averages, name)) for name in ("macro", "weighted", "micro")]


def calibrated(report: parts.Report) -> list[tuple[str, str]]:
    """Returns what was fitted after training, as (title, value)."""
    return [("temperature", formats.decimal(report.contract.get("temperature")))]


def metrics_of(found: evaluation.Result) -> list[metric.Metric]:
    """Returns the informative metrics of a whole split."""
    # Top-k accuracy is the accuracy for k = 1, and always 1 for all classes.
    says_nothing = () if 1 < found.top_k < len(found.labels) else (TOP_K,)
    return [one for one in FIGURES.of_whole if one.name not in says_nothing]
