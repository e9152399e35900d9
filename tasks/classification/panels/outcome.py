"""The outcome of a run in words and numbers: for summary.json, the terminal and the history."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data import formats
from tasks.pages import parts


class Metrics(BaseModel):
    """Metrics on the test split, which neither training nor early stopping ever sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accuracy: float | None = Field(
        ge=0, le=1, description="share of test images classified correctly"
    )
    accuracy_low: float | None = Field(None, ge=0, le=1, description="lower end of the interval")
    accuracy_high: float | None = Field(None, ge=0, le=1, description="upper end of the interval")
    log_loss: float | None = Field(None, ge=0, description="in nats")
    mean_score: float | None = Field(
        None, ge=0, le=1, description="mean probability of the predicted class, right or wrong"
    )
    macro_f1: float | None = Field(None, ge=0, le=1, description="mean of the classes' F1")
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
    low, high = result.figures["accuracy"].interval or (None, None)
    return Metrics(
        accuracy=result.value("accuracy"),
        accuracy_low=low,
        accuracy_high=high,
        log_loss=result.value("log_loss"),
        mean_score=answers.mean_score if answers is not None else None,
        macro_f1=result.averages.macro.f1,
        figures={name: figure.value for name, figure in result.figures.items()},
        per_class={
            name: {"support": row.support}
            | {metric: figure.value for metric, figure in row.figures.items()}
            for name, row in result.per_class.items()
        },
    )


def headline(found: Metrics | None) -> parts.Headline:
    """Returns the accuracy."""
    return parts.Headline("accuracy", found.accuracy if found else None)


def table(found: Metrics) -> parts.Table:
    """Returns the rates of each class."""
    rates = {"precision": "precision", "recall": "recall", "f1": "F1"}
    return parts.Table.of_rates("class", rates, found.per_class)


def sentence(found: Metrics, tested: int) -> str:
    """Returns the accuracy and its interval as a sentence.

    Args:
      found: the metrics.
      tested: the number of test images.
    """
    text = f"Test accuracy {_percent(found.accuracy)} on {formats.plural(tested, 'image')}"
    if found.accuracy_low is None:
        return f"{text}."
    return (
        f"{text}; confidence interval: {_percent(found.accuracy_low)}"
        f" to {_percent(found.accuracy_high)}."
    )


def facts(found: Metrics) -> Sequence[tuple[str, float | None]]:
    """Returns the rates by which two runs are compared, by their names."""
    rows = [("accuracy", found.accuracy), ("macro F1", found.macro_f1)]
    for name, row in found.per_class.items():
        rows += [(f"recall of {name}", row["recall"]), (f"precision of {name}", row["precision"])]
    return rows


def _percent(value: float | None) -> str:
    return formats.percent(value, undefined="undefined")
