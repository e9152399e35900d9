"""Sections of the report: figures, classes, confusion, calibration, and images to review."""

from data import formats
from tasks import metric
from tasks.classification.figures import registry, reliability
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
    metrics = metrics_of(report.result)
    return [parts.Section("figures", "Figures", "figures.html.jinja", metrics)]


def details(report: parts.Report) -> list[parts.Section]:
    """Returns the sections on each class, the confusion of classes, and calibration."""
    result = report.result
    f1 = scale.of_figures(row.figures["f1"] for row in result.per_class.values())
    classes = {"metrics": registry.by_class(), "scale": f1}
    calibration = {
        "chart": reliability_chart.draw(reliability.bins(report.candidate)),
        "error": reliability.expected_calibration_error(report.candidate),
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


def metrics_of(found: evaluation.Result) -> list[metric.Metric]:
    """Returns the informative metrics of a whole split."""
    # Top-k accuracy is the accuracy for k = 1, and always 1 for all classes.
    says_nothing = () if 1 < found.top_k < len(found.labels) else (TOP_K,)
    return [one for one in registry.of_whole() if one.name not in says_nothing]
