"""The model card's words on detection: the intended use, the figures, the caveats."""

from data import formats
from tasks.detection.panels import sections
from tasks.pages import caveats, parts

# With fewer test objects than this, the figures of a class are uncertain.
FEW_OBJECTS = 30


def make(report: parts.Report, _noun: parts.Noun) -> parts.Card:
    """Returns what the card says."""
    result = report.result
    content = {
        "whole": sections.columns(by_class=False),
        "columns": sections.columns(by_class=True),
    }
    found = []
    few = [name for name, row in result.per_class.items() if 0 < row.support < FEW_OBJECTS]
    if few:
        found.append(
            f"With fewer than {FEW_OBJECTS} test objects: {caveats.named(few)}. Their figures are"
            " uncertain."
        )
    if result.left_out:
        found.append(f"Without a test object, so not measured: {caveats.named(result.left_out)}.")
    known = [(row.value("ap50"), name) for name, row in result.per_class.items()]
    rates = [(value, name) for value, name in known if value is not None]
    if rates:
        lowest, name = min(rates)
        found.append(f"The class with the lowest AP50 is {name}: {formats.percent(lowest)}.")
    use = (
        "Detection of objects in photographs like the training images: each object gets a box and"
        f" one of {len(result.labels)} classes. Not intended for images of anything else; important"
        " decisions need a person."
    )
    return parts.Card(use, "detections_card.md.jinja", content, found)
