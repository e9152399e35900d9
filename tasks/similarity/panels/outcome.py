"""The outcome of a run in words and numbers: for summary.json, the terminal and the history."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data import formats
from tasks.pages import parts


class Metrics(BaseModel):
    """Metrics on the test split, whose images are searched for in the gallery of train images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recall_at_1: float | None = Field(
        ge=0, le=1, description="share of test images whose nearest image has their class"
    )
    recall_at_1_low: float | None = Field(
        None, ge=0, le=1, description="lower end of the interval of recall@1"
    )
    recall_at_1_high: float | None = Field(
        None, ge=0, le=1, description="upper end of the interval of recall@1"
    )
    recall_at_5: float | None = Field(
        None, ge=0, le=1, description="share with one of their class among the five nearest"
    )
    map_at_r: float | None = Field(None, ge=0, le=1, description="mean of AP@R")
    mean_score: float | None = Field(
        None, ge=0, le=1, description="mean cosine of the nearest image, at least 0"
    )
    figures: dict[str, float | None] = Field(
        default_factory=dict, description="every metric of the whole by its name; null: undefined"
    )
    per_class: dict[str, dict[str, int | float | None]] = Field(
        description="class name → support, and every metric of a class by its name; null: undefined"
    )


def metrics(result: Any, answers: Any | None) -> Metrics:
    """Summarises the figures of the test split.

    Args:
      result: the figures.
      answers: the model's answers; None where Predict did not run.
    """
    low, high = result.figures["recall_at_1"].interval or (None, None)
    return Metrics(
        recall_at_1=result.value("recall_at_1"),
        recall_at_1_low=low,
        recall_at_1_high=high,
        recall_at_5=result.value("recall_at_5"),
        map_at_r=result.value("map_at_r"),
        mean_score=answers.mean_score if answers is not None else None,
        figures={name: figure.value for name, figure in result.figures.items()},
        per_class={
            name: {"support": row.support}
            | {metric: figure.value for metric, figure in row.figures.items()}
            for name, row in result.per_class.items()
        },
    )


def headline(found: Metrics | None) -> parts.Headline:
    """Returns recall@1."""
    return parts.Headline("recall@1", found.recall_at_1 if found else None)


def table(found: Metrics) -> parts.Table:
    """Returns recall@1 of each class."""
    return parts.Table.of_rates("class", {"recall": "recall@1"}, found.per_class)


def sentence(found: Metrics, tested: int) -> str:
    """Returns recall@1 and its interval as a sentence.

    Args:
      found: the metrics.
      tested: the number of test images.
    """
    text = f"Test recall@1 {_percent(found.recall_at_1)} on {formats.plural(tested, 'image')}"
    if found.recall_at_1_low is not None:
        text += (
            f"; confidence interval: {_percent(found.recall_at_1_low)}"
            f" to {_percent(found.recall_at_1_high)}"
        )
    return f"{text}. Recall@5 {_percent(found.recall_at_5)}, MAP@R {_percent(found.map_at_r)}."


def facts(found: Metrics) -> Sequence[tuple[str, float | None]]:
    """Returns the rates by which two runs are compared, by their names."""
    rows = [
        ("recall@1", found.recall_at_1),
        ("recall@5", found.recall_at_5),
        ("MAP@R", found.map_at_r),
    ]
    return rows + [(f"recall@1 of {name}", row["recall"]) for name, row in found.per_class.items()]


def _percent(value: float | None) -> str:
    return formats.percent(value, undefined="undefined")
