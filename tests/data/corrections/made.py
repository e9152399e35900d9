"""Decisions to test with."""

from data.corrections.decisions import Action, Decision

SHA = "ab" * 32
WHEN = "2031-05-01T09:30:00Z"


def decision(path="cat/1.jpg", sha256=SHA, old=("cat",), new=("dog",), **changes) -> Decision:
    action = changes.pop("action", Action.RELABEL)
    values = {"by": "ada", "when": WHEN, "why": "", **changes}
    return Decision(path, sha256, old, new, action=action, **values)
