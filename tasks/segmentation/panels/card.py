"""The model card's words on segmentation: the intended use, the figures, the caveats."""

from data import formats
from tasks.pages import caveats, parts
from tasks.segmentation.panels import sections

# With fewer test images than this, the figures of a class are uncertain.
FEW_IMAGES = 30


def make(report: parts.Report, _noun: parts.Noun) -> parts.Card:
    """Returns what the card says."""
    result = report.result
    content = {
        "whole": sections.columns(by_class=False),
        "columns": sections.columns(by_class=True),
    }
    found = []
    few = [name for name, row in result.per_class.items() if 0 < row.support < FEW_IMAGES]
    if few:
        found.append(
            f"In fewer than {FEW_IMAGES} test images: {caveats.named(few)}. Their figures are"
            " uncertain."
        )
    if missing := sections.absent(report):
        found.append(f"In no test image, so not measured: {caveats.named(missing)}.")
    known = [(row.value("iou"), name) for name, row in result.per_class.items()]
    rates = [(value, name) for value, name in known if value is not None]
    if rates:
        lowest, name = min(rates)
        found.append(f"The class with the lowest IoU is {name}: {formats.percent(lowest)}.")
    found += caveats.of_robustness(report.robustness, "mean IoU")
    use = (
        f"Segmentation of photographs like the training images: each pixel gets one of"
        f" {len(result.labels)} classes. Not intended for images of anything else; important"
        " decisions need a person."
    )
    return parts.Card(use, "pixels_card.md.jinja", content, found)
