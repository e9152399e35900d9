"""What requests to the page of a review ask for; anything else is refused."""

from collections.abc import Sequence
from typing import Any

from data import errors
from data.corrections.decisions import Action
from data.sources import label_cells
from pipeline.review.queues import Kind


class Decision:
    """A decision as it is asked for; raises TypeError, ValueError, LookupError on anything else."""

    def __init__(self, raw: dict[str, Any]) -> None:
        unknown = raw.keys() - {"queue", "place", "action", "new", "why", "member", "adds"}
        if unknown:
            raise ValueError(f"unknown: {sorted(unknown)!r:.80}")
        self.kind, self.action = Kind(raw["queue"]), Action(raw["action"])
        self.place, self.member = raw["place"], raw.get("member", 0)
        self.new, self.why = raw.get("new", []), raw.get("why", "")
        self.adds = raw.get("adds", False)
        if type(self.place) is not int or type(self.member) is not int:
            raise TypeError("place and member are whole numbers")
        if type(self.new) is not list or any(type(name) is not str for name in self.new):
            raise TypeError("new is a list of labels")
        if type(self.why) is not str or type(self.adds) is not bool:
            raise TypeError("why is a text, adds true or false")


def kind(text: str) -> Kind:
    """Returns the queue of a name; raises errors.UserError if there is none."""
    try:
        return Kind(text)
    except ValueError:
        allowed = ", ".join(one.value for one in Kind)
        raise errors.UserError(f"queue is {text[:80]!r}; allowed are {allowed}.") from None


def labels(new: Sequence[str], known: Sequence[str], one: bool, adds: bool) -> tuple[str, ...]:
    """Returns the labels that an image shall have, sorted.

    Args:
      new: the labels as they are asked for.
      known: the classes.
      one: whether an image has exactly one label.
      adds: whether a label may be a class that is new.

    Raises:
      errors.UserError: an image cannot have them.
    """
    try:
        found = label_cells.tidied(new)
    except ValueError as error:
        raise errors.UserError(f"No such label is possible: {error}.") from None
    unknown = [name for name in found if name not in known]
    if (unknown and not adds) or (one and len(found) != 1):
        raise errors.UserError(f"{', '.join(new)[:200]!r} is no label that an image may have.")
    folded = {name.casefold(): name for name in known}
    for name in unknown:
        if name.casefold() in folded:
            raise errors.UserError(
                f"The new class {name!r} is {folded[name.casefold()]!r} but for upper and lower case."
            )
    return found


def number(text: str, name: str, most: int) -> int:
    """Returns a whole number in 0 to ``most``; raises errors.UserError for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise errors.UserError(f"{name} is {text[:80]!r}; allowed are 0 to {most:,}.")
    return int(text)
