"""Caveats of the model card that follow from figures that several tasks have."""

from collections.abc import Mapping, Sequence
from typing import Any

from data import formats
from tasks.pages import parts

# With fewer test images than this, the figures of a class are uncertain.
FEW_IMAGES = 30
MAX_NAMED = 10


def of_classes(per_class: Mapping[str, Any], noun: parts.Noun) -> list[str]:
    """Returns what limits the figures of single classes.

    Args:
      per_class: class name → its figures, precision and recall among them.
      noun: the word for a class.
    """
    found = []
    few = [name for name, row in per_class.items() if row.support < FEW_IMAGES]
    if few:
        found.append(
            f"Fewer than {FEW_IMAGES} test images: {named(few)}. Their figures are uncertain."
        )
    recalls = [(row.value("recall"), name) for name, row in per_class.items()]
    rates = [(value, name) for value, name in recalls if value is not None]
    if rates:
        lowest, name = min(rates)
        found.append(f"The {noun.one} with the lowest recall is {name}: {formats.percent(lowest)}.")
    never = [
        name for name, row in per_class.items() if row.support and row.value("precision") is None
    ]
    if never:
        found.append(f"Never predicted: {named(never)}.")
    return found


def of_robustness(rows: Sequence[Any], share: str) -> list[str]:
    """Returns the corruption that costs most, or that none was measured.

    Args:
      rows: the results under corruptions.
      share: the name of the share of images answered right.
    """
    if not rows:
        return ["Robustness against corrupted images was not measured."]
    losses = [(row.accuracy_loss, row.name) for row in rows if row.accuracy_loss is not None]
    if losses and max(losses)[0] > 0:
        largest, name = max(losses)
        return [f"{name} costs {formats.points(largest, '')} points of {share}."]
    return []


def named(names: Sequence[str]) -> str:
    """Returns names in a line, at most MAX_NAMED of them."""
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
