"""The outcome of a run in words and numbers: for summary.json, the terminal and the history."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data import formats
from tasks.pages import parts

TITLE = "mAP"


class Metrics(BaseModel):
    """Metrics on the test split, which neither training nor early stopping ever sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: float | None = Field(
        ge=0, le=1, description="mean of the average precision of the labels that have test images"
    )
    map_low: float | None = Field(None, ge=0, le=1, description="lower end of the interval")
    map_high: float | None = Field(None, ge=0, le=1, description="upper end of the interval")
    left_out: list[str] = Field(
        default_factory=list, description="labels without test images, which map leaves out"
    )
    figures: dict[str, float | None] = Field(
        default_factory=dict, description="every metric of the whole by its name; null: undefined"
    )
    per_class: dict[str, dict[str, int | float | None]] = Field(
        description="label → support, threshold, and every metric of a label by its name; null:"
        " undefined"
    )


def metrics(result: Any, answers: Any | None) -> Metrics:
    """Summarises the figures of the test split.

    Args:
      result: the figures.
      answers: the model's answers; None where Predict did not run, so that thresholds are unknown.
    """
    low, high = result.figures["map"].interval or (None, None)
    thresholds = by_label(answers) if answers is not None else {}
    return Metrics(
        map=result.value("map"),
        map_low=low,
        map_high=high,
        left_out=list(result.without_images),
        figures={name: figure.value for name, figure in result.figures.items()},
        per_class={
            name: {"support": row.support, "threshold": thresholds.get(name)}
            | {metric: figure.value for metric, figure in row.figures.items()}
            for name, row in result.per_class.items()
        },
    )


def by_label(answers: Any) -> dict[str, float | None]:
    """Returns the threshold of each label, in 0–1; None for a label that the model lacks."""
    pairs = zip(answers.labels, map(float, answers.thresholds), strict=True)
    return {name: value if value <= 1 else None for name, value in pairs}


def headline(found: Metrics | None) -> parts.Headline:
    """Returns the mean average precision."""
    return parts.Headline(TITLE, found.map if found else None)


def table(found: Metrics) -> parts.Table:
    """Returns the rates of each label."""
    rates = {"ap": "AP", "precision": "precision", "recall": "recall", "f1": "F1"}
    return parts.Table.of_rates("label", rates, found.per_class)


def sentence(found: Metrics, tested: int) -> str:
    """Returns the mean average precision and its interval as a sentence.

    Args:
      found: the metrics.
      tested: the number of test images.
    """
    text = f"Test mAP {_percent(found.map)} on {formats.plural(tested, 'image')}"
    if found.map_low is not None:
        text += f"; confidence interval: {_percent(found.map_low)} to {_percent(found.map_high)}"
    if found.left_out:
        text += f"; without {formats.plural(len(found.left_out), 'label')} that no test image has"
    return f"{text}."


def facts(found: Metrics) -> Sequence[tuple[str, float | None]]:
    """Returns the rates by which two runs are compared, by their names."""
    rows = [(TITLE, found.map)]
    for name, row in found.per_class.items():
        rows += [(f"AP of {name}", row["ap"]), (f"recall of {name}", row["recall"])]
        rows.append((f"precision of {name}", row["precision"]))
    return rows


def _percent(value: float | None) -> str:
    return formats.percent(value, undefined="undefined")
