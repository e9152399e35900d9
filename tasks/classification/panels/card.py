"""The model card's words on classification: the intended use, the figures, the caveats."""

from data import formats
from tasks.classification.figures import registry, reliability
from tasks.classification.panels import sections
from tasks.pages import parts

# With fewer test images than this, the figures of a class are uncertain.
FEW_IMAGES = 30
MAX_NAMED = 10


def make(report: parts.Report) -> parts.Card:
    """Returns what the card says."""
    content = {
        "whole": sections.metrics_of(report.result),
        "classes": registry.by_class(),
        "error": reliability.expected_calibration_error(report.candidate),
    }
    return parts.Card(_use(report), "card.md.jinja", content, _caveats(report))


def _use(report: parts.Report) -> str:
    return (
        f"Classification of single photographs like the training images into"
        f" {len(report.result.labels)} classes. Not intended for images of anything else, nor for"
        " several objects of different classes in one image; important decisions need a person."
    )


def _caveats(report: parts.Report) -> list[str]:
    """Returns the caveats that follow from the figures."""
    found, classes = [], report.result.per_class
    few = [name for name, row in classes.items() if row.support < FEW_IMAGES]
    if few:
        found.append(
            f"Fewer than {FEW_IMAGES} test images: {_names(few)}. Their figures are uncertain."
        )
    recalls = [(row.value("recall"), name) for name, row in classes.items()]
    rates = [(value, name) for value, name in recalls if value is not None]
    if rates:
        lowest, name = min(rates)
        found.append(f"The class with the lowest recall is {name}: {formats.percent(lowest)}.")
    never = [
        name for name, row in classes.items() if row.support and row.value("precision") is None
    ]
    if never:
        found.append(f"Never predicted: {_names(never)}.")
    losses = [
        (row.accuracy_loss, row.name) for row in report.robustness if row.accuracy_loss is not None
    ]
    if losses and max(losses)[0] > 0:
        largest, name = max(losses)
        found.append(f"{name} costs {formats.points(largest, '')} points of accuracy.")
    elif not report.robustness:
        found.append("Robustness against corrupted images was not measured.")
    if label_errors := report.chosen.label_errors:
        found.append(f"Labels that are likely wrong: {label_errors} test images.")
    return found


def _names(names: list[str]) -> str:
    named = ", ".join(names[:MAX_NAMED])
    return named + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
