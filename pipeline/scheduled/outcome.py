"""What a run came to: a line for people, a row of the history, a notification."""

import datetime
from typing import Any

from data import formats
from pipeline import summary


def line(found: summary.Summary) -> str:
    """Returns the outcome of a run that finished."""
    accuracy = found.metrics.accuracy if found.metrics else None
    rate = (
        ""
        if accuracy is None
        else f", accuracy {formats.percent(accuracy)} on {found.examples['test']:,} images"
    )
    if found.pushed:
        return f"Released: version {found.pushed.version}{rate}."
    if found.blessed:
        return "Released before; nothing new to push."
    word = "Inconclusive, not released" if found.verdict == "inconclusive" else "Refused"
    reason = f" {found.reasons[0]}" if found.reasons else ""
    return f"{word}{rate}.{reason}"


def row(found: summary.Summary | None) -> dict[str, Any]:
    """Returns the same for programs."""
    if found is None:
        return {}
    return {
        "run_id": found.run_id,
        "status": found.status,
        "version": found.pushed.version if found.pushed else None,
        "accuracy": found.metrics.accuracy if found.metrics else None,
    }


def notification(
    event: str,
    text: str,
    model: str,
    reason: str,
    time: datetime.datetime,
    found: summary.Summary | None = None,
) -> dict[str, Any]:
    """What a webhook or a command is told; ``text`` is what Slack and Mattermost show.

    Args:
      event: release, refusal or failure.
      text: the line for people.
      model: its name.
      reason: why the run was begun.
      time: of the event.
      found: of the run, where it left a summary.
    """
    payload = {
        "event": event,
        "text": f"{model}: {text}",
        "model": model,
        "reason": reason,
        "time": time.isoformat(timespec="seconds"),
        **row(found),
    }
    if found:
        payload |= {"reasons": found.reasons, "report": found.report}
    return payload
