"""The outcome of a run in words and numbers: for summary.json, the terminal and the history."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data import formats
from tasks.pages import parts


class Metrics(BaseModel):
    """Metrics on the test split, which neither training nor early stopping ever sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: float | None = Field(ge=0, le=1, description="mean AP at IoUs of 0.5, 0.55, … 0.95")
    map50: float | None = Field(
        ge=0, le=1, description="mean over the classes with objects of AP at an IoU of 0.5"
    )
    map75: float | None = Field(None, ge=0, le=1, description="the same at an IoU of 0.75")
    map50_low: float | None = Field(None, ge=0, le=1, description="lower end of its interval")
    map50_high: float | None = Field(None, ge=0, le=1, description="upper end of its interval")
    mean_score: float | None = Field(
        None, ge=0, le=1, description="mean score of what is shown at the operating thresholds"
    )
    figures: dict[str, float | None] = Field(
        default_factory=dict, description="every metric of the whole by its name; null: undefined"
    )
    kinds: dict[str, int] = Field(
        default_factory=dict,
        description="number of detections and objects by kind of error, at the operating thresholds",
    )
    per_class: dict[str, dict[str, int | float | None]] = Field(
        description="class name → ap50, ap, precision, recall, null: undefined, and support, the"
        " number of objects"
    )


def metrics(result: Any, answers: Any | None) -> Metrics:
    """Summarises the figures of the test split.

    Args:
      result: the figures.
      answers: the model's answers; None where Predict did not run.
    """
    low, high = result.figures["map50"].interval or (None, None)
    return Metrics(
        map=result.value("map"),
        map50=result.value("map50"),
        map75=result.value("map75"),
        map50_low=low,
        map50_high=high,
        mean_score=answers.mean_score if answers is not None else None,
        figures={name: figure.value for name, figure in result.figures.items()},
        kinds={kind: sum(counts) for kind, counts in result.kinds.items()},
        per_class={
            name: {metric: figure.value for metric, figure in row.figures.items()}
            | {"support": row.support}
            for name, row in result.per_class.items()
        },
    )


def headline(found: Metrics | None) -> parts.Headline:
    """Returns mAP50."""
    return parts.Headline("mAP50", found.map50 if found else None)


def table(found: Metrics) -> parts.Table:
    """Returns the figures of each class."""
    rates = {"ap50": "AP50", "ap": "AP", "precision": "precision", "recall": "recall"}
    return parts.Table.of_rates("class", rates, found.per_class, ("support", "objects"))


def sentence(found: Metrics, tested: int) -> str:
    """Returns mAP50 and its interval as a sentence.

    Args:
      found: the metrics.
      tested: the number of test images.
    """
    told = f"Test mAP50 {_percent(found.map50)} on {formats.plural(tested, 'image')}"
    if found.map50_low is None:
        return f"{told}."
    bounds = f"{_percent(found.map50_low)} to {_percent(found.map50_high)}"
    return f"{told}; confidence interval: {bounds}."


def facts(found: Metrics) -> Sequence[tuple[str, float | None]]:
    """Returns the rates by which two runs are compared, by their names."""
    rows = [("mAP50", found.map50), ("mAP", found.map)]
    rows += [(f"AP50 of {name}", row["ap50"]) for name, row in found.per_class.items()]
    return rows


def _percent(value: float | None) -> str:
    return formats.percent(value, undefined="undefined")
