"""Sections of the report: figures, labels, labels together, calibration, images to review."""

from typing import Any

from data import formats
from tasks.multilabel.figures import FIGURES
from tasks.multilabel.panels import outcome, together
from tasks.pages import parts, reliability_chart, scale
from tasks.statistics import reliability

# Shown first, beside each other, where a task of one label has its accuracy.
TILES = ("map", "macro_f1", "subset_accuracy", "hamming_loss")


def tiles(report: parts.Report) -> list[parts.Tile]:
    """Returns the headline figures."""
    found = []
    for column in whole():
        if column.name in TILES:
            one = report.result.figures[column.name]
            bounds = "" if one.value is None else formats.bounds(one.interval)
            found.append(parts.Tile(column.title, formats.percent(one.value), bounds))
    error = reliability.expected_calibration_error(bins(report))
    return [*found, parts.Tile("calibration error", formats.percent(error), "expected")]


def overview(report: parts.Report) -> list[parts.Section]:
    """Returns the section of the figures of the whole test split."""
    content = {"columns": whole(), "averages": averages(report)}
    return [parts.Section("figures", "Figures", "figures.html.jinja", content)]


def details(report: parts.Report) -> list[parts.Section]:
    """Returns the sections on each label, on labels that occur together, and on calibration."""
    result, found = report.result, report.candidate
    columns = by_class()
    labels = {
        "columns": columns,
        "chief": next(one for one in columns if one.name == "ap"),
        "scale": scale.of_figures(row.figures["ap"] for row in result.per_class.values()),
        "thresholds": outcome.by_label(found),
    }
    pairs = together.build(result.labels, found.truths, found.given)
    calibration = {
        "chart": reliability_chart.draw(bins(report), "share", "answers"),
        "error": reliability.expected_calibration_error(bins(report)),
        "about": "Of the labels with a probability of 80%, 80% should be annotated:",
        "facts": calibrated(report),
    }
    return [
        parts.Section("classes", "Labels", "classes.html.jinja", labels),
        parts.Section("together", "Labels together", "together.html.jinja", pairs),
        parts.Section("calibration", "Calibration", "calibration.html.jinja", calibration),
    ]


def images(report: parts.Report) -> list[parts.Section]:
    """Returns the sections with images to review, of those that there are."""
    chosen = report.chosen
    every = (
        (
            "false-alarms",
            "Worst false alarms",
            "Labels that the model gives and the annotation lacks, the most probable first.",
            chosen.false_alarms,
        ),
        (
            "misses",
            "Worst misses",
            "Annotated labels that the model does not give, the least probable first.",
            chosen.misses,
        ),
        (
            "uncertain",
            "Most uncertain",
            "Labels whose probability is closest to their threshold. Review them; more images like"
            " them are worth labelling.",
            chosen.doubtful,
        ),
        (
            "missing",
            "Likely missing labels",
            "Labels that the annotation likely lacks (confident learning). Check these first: a"
            " missing label is trained and counted as a wrong one.",
            chosen.missing,
        ),
        (
            "labels",
            "Likely wrong labels",
            "Annotated labels that the image likely does not have (confident learning).",
            chosen.wrong,
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


def whole() -> list[parts.Column]:
    """Returns the metrics of the whole split as they are shown."""
    return [parts.Column(one.name, one.title, one.is_rate) for one in FIGURES.of_whole]


def by_class() -> list[parts.Column]:
    """Returns the metrics of each label as they are shown."""
    return [parts.Column(one.name, one.title, one.is_rate) for one in FIGURES.by_class]


def averages(report: parts.Report) -> list[tuple[str, Any]]:
    """Returns the averages over the labels by their titles."""
    found = report.result.averages
    return [(name, getattr(found, name)) for name in ("macro", "weighted", "micro")]


def bins(report: parts.Report) -> list[reliability.Bin]:
    """Computes the reliability of the probabilities of all labels of all images that were read."""
    found = report.candidate
    rates, has = found.probabilities[found.valid], found.truths[found.valid]
    return reliability.bins(rates.ravel(), has.ravel())


def calibrated(report: parts.Report) -> list[tuple[str, str]]:
    """Returns what was fitted after training, as (title, value)."""
    found = [("temperature", formats.decimal(report.contract.get("temperature")))]
    known = [one for one in outcome.by_label(report.candidate).values() if one is not None]
    if known:
        found.append(("thresholds", " to ".join(map(formats.percent, (min(known), max(known))))))
    return found
