"""What requests to the page of a review ask for; anything else is refused."""

from typing import Any

from data import errors
from data.corrections.decisions import Action
from pipeline.review.queues import Kind


class Decision:
    """A decision as it is asked for; raises TypeError, ValueError, LookupError on anything else."""

    def __init__(self, raw: dict[str, Any]) -> None:
        unknown = raw.keys() - {"queue", "place", "action", "new", "why", "member"}
        if unknown:
            raise ValueError(f"unknown: {sorted(unknown)!r:.80}")
        self.kind, self.action = Kind(raw["queue"]), Action(raw["action"])
        self.place, self.member = raw["place"], raw.get("member", 0)
        self.new, self.why = raw.get("new", []), raw.get("why", "")
        if type(self.place) is not int or type(self.member) is not int:
            raise TypeError("place and member are whole numbers")
        if type(self.new) is not list or any(type(name) is not str for name in self.new):
            raise TypeError("new is a list of labels")
        if type(self.why) is not str:
            raise TypeError("why is a text")


def kind(text: str) -> Kind:
    """Returns the queue of a name; raises errors.UserError if there is none."""
    try:
        return Kind(text)
    except ValueError:
        allowed = ", ".join(one.value for one in Kind)
        raise errors.UserError(f"queue is {text[:80]!r}; allowed are {allowed}.") from None


def number(text: str, name: str, most: int) -> int:
    """Returns a whole number in 0 to ``most``; raises errors.UserError for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise errors.UserError(f"{name} is {text[:80]!r}; allowed are 0 to {most:,}.")
    return int(text)
