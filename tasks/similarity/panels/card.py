"""The model card's words on a search: the intended use, the figures, the caveats."""

from data import formats
from tasks.pages import caveats, parts
from tasks.similarity.panels import sections


def make(report: parts.Report, _noun: parts.Noun) -> parts.Card:
    """Returns what the card says."""
    result, gallery = report.result, report.contract["gallery"]
    content = {
        "whole": sections.columns(by_class=False) if result.labels else [],
        "columns": sections.columns(by_class=True) if result.labels else [],
        "structure": [(tile.title, tile.text) for tile in sections.of_structure(report)],
        "gallery": gallery,
    }
    found = [report.contract["calibration"]]
    few = [name for name, row in result.per_class.items() if row.support < caveats.FEW_IMAGES]
    if few:
        found.append(
            f"Fewer than {caveats.FEW_IMAGES} test images: {caveats.named(few)}. Their figures are"
            " uncertain."
        )
    rates = [
        (value, name)
        for name, row in result.per_class.items()
        if (value := row.value("recall")) is not None
    ]
    if rates:
        lowest, name = min(rates)
        found.append(f"The class that is found least often is {name}: {formats.percent(lowest)}.")
    use = (
        f"Search for photographs like a given one among {formats.plural(gallery['images'], 'image')}."
        " It always names the nearest, however far that is; look at the cosine. Not intended to recognise"
        " persons; important decisions need a person."
    )
    return parts.Card(use, "recalls_card.md.jinja", content, found)
