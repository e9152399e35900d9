"""The model card's words on classification: the intended use, the figures, the caveats."""

from tasks.classification.figures import reliability
from tasks.classification.panels import sections
from tasks.pages import caveats, parts


def make(report: parts.Report, noun: parts.Noun) -> parts.Card:
    """Returns what the card says."""
    result = report.result
    content = {
        "whole": sections.columns(sections.metrics_of(result), result),
        "columns": sections.by_class(result),
        "averages": sections.averages(result),
        "error": reliability.expected_calibration_error(report.candidate),
        "facts": sections.calibrated(report),
        "thresholds": None,
    }
    found = caveats.of_classes(result.per_class, noun)
    found += caveats.of_robustness(report.robustness, "accuracy")
    if label_errors := report.chosen.label_errors:
        found.append(f"Labels that are likely wrong: {label_errors} test images.")
    return parts.Card(_use(len(result.labels)), "card.md.jinja", content, found)


def _use(class_count: int) -> str:
    return (
        "Classification of single photographs like the training images into"
        f" {class_count} classes. Not intended for images of anything else, nor for several"
        " objects of different classes in one image; important decisions need a person."
    )
