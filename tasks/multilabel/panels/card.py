"""The model card's words on multilabel: the intended use, the figures, the caveats."""

from data import formats
from tasks.multilabel.panels import outcome, sections
from tasks.pages import caveats, parts
from tasks.statistics import reliability


def make(report: parts.Report, noun: parts.Noun) -> parts.Card:
    """Returns what the card says."""
    result = report.result
    content = {
        "whole": sections.whole(),
        "columns": sections.by_class(),
        "averages": sections.averages(report),
        "error": reliability.expected_calibration_error(sections.bins(report)),
        "facts": sections.calibrated(report),
        "thresholds": outcome.by_label(report.candidate),
    }
    found = caveats.of_classes(result.per_class, noun)
    if result.without_images:
        found.append(
            f"No test image has {caveats.named(result.without_images)}; mAP leaves them out."
        )
    found += caveats.of_robustness(report.robustness, "images with every label right")
    if count := report.chosen.missing_count:
        found.append(f"Labels that are likely missing: {formats.count(count)} in the test images.")
    if count := report.chosen.wrong_count:
        found.append(f"Labels that are likely wrong: {formats.count(count)} in the test images.")
    return parts.Card(_use(len(result.labels)), "card.md.jinja", content, found)


def _use(label_count: int) -> str:
    return (
        "Naming what photographs like the training images show, by any number of"
        f" {label_count} labels, also by none. The labels are independent of each other: the model"
        " enforces no combination. Not intended for images of anything else; important decisions"
        " need a person."
    )
