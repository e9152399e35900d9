"""Formats the outcome of a run: a line for people, a row of the history, a notification."""

import datetime
from typing import Any

from data import formats
from pipeline.outcome import summary


def line(found: summary.Summary) -> str:
    """Returns the line about a run that finished."""
    headline = found.headline
    rate = (
        ""
        if headline.value is None
        else f", {headline.title} {formats.percent(headline.value)} on {found.examples['test']:,} images"
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
        found.headline.title: found.headline.value,
    }


def notification(
    event: str,
    text: str,
    model: str,
    reason: str,
    time: datetime.datetime,
    found: summary.Summary | None = None,
) -> dict[str, Any]:
    """Returns the notification for a webhook or a command; Slack and Mattermost show ``text``.

    Args:
      event: release, refusal or failure.
      text: the line for people.
      model: the name of the model.
      reason: the reason of the run.
      time: the time of the event.
      found: the summary of the run, if there is one.
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
