"""The outcome of a run in words and numbers: for summary.json, the terminal and the history."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data import formats
from tasks.pages import parts


class Metrics(BaseModel):
    """Metrics on the test split, which neither training nor early stopping ever sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean_iou: float | None = Field(
        ge=0,
        le=1,
        description="mean of the classes' IoU; classes that no test image shows left out",
    )
    mean_iou_low: float | None = Field(None, ge=0, le=1, description="lower end of the interval")
    mean_iou_high: float | None = Field(None, ge=0, le=1, description="upper end of the interval")
    pixel_accuracy: float | None = Field(
        None, ge=0, le=1, description="share of correctly answered pixels, void left out"
    )
    mean_dice: float | None = Field(None, ge=0, le=1, description="mean of the classes' Dice")
    mean_score: float | None = Field(
        None, ge=0, le=1, description="mean of the pixels' highest probability, right or wrong"
    )
    figures: dict[str, float | None] = Field(
        default_factory=dict, description="every metric of the whole by its name; null: undefined"
    )
    per_class: dict[str, dict[str, int | float | None]] = Field(
        description="class name → iou, dice and every other metric of a class, null: undefined,"
        " support_pixels and support_images"
    )


def metrics(result: Any, answers: Any | None) -> Metrics:
    """Summarises the figures of the test split.

    Args:
      result: the figures.
      answers: the model's answers; None where Predict did not run.
    """
    low, high = result.figures["mean_iou"].interval or (None, None)
    return Metrics(
        mean_iou=result.value("mean_iou"),
        mean_iou_low=low,
        mean_iou_high=high,
        pixel_accuracy=result.value("pixel_accuracy"),
        mean_dice=result.value("mean_dice"),
        mean_score=answers.mean_score if answers is not None else None,
        figures={name: figure.value for name, figure in result.figures.items()},
        per_class={
            name: {metric: figure.value for metric, figure in row.figures.items()}
            | {
                "support_pixels": result.support_pixels.get(name, 0),
                "support_images": row.support,
            }
            for name, row in result.per_class.items()
        },
    )


def headline(found: Metrics | None) -> parts.Headline:
    """Returns the mean IoU."""
    return parts.Headline("mean IoU", found.mean_iou if found else None)


def table(found: Metrics) -> parts.Table:
    """Returns the figures of each class."""
    rates = {"iou": "IoU", "dice": "Dice", "boundary_f1": "boundary F1"}
    return parts.Table.of_rates("class", rates, found.per_class, ("support_images", "test images"))


def sentence(found: Metrics, tested: int) -> str:
    """Returns the mean IoU and its interval as a sentence.

    Args:
      found: the metrics.
      tested: the number of test images.
    """
    told = f"Test mean IoU {_percent(found.mean_iou)} on {formats.plural(tested, 'image')}"
    if found.mean_iou_low is None:
        return f"{told}."
    return (
        f"{told}; confidence interval: {_percent(found.mean_iou_low)}"
        f" to {_percent(found.mean_iou_high)}."
    )


def facts(found: Metrics) -> Sequence[tuple[str, float | None]]:
    """Returns the rates by which two runs are compared, by their names."""
    rows = [("mean IoU", found.mean_iou), ("pixel accuracy", found.pixel_accuracy)]
    rows += [(f"IoU of {name}", row["iou"]) for name, row in found.per_class.items()]
    return rows


def _percent(value: float | None) -> str:
    return formats.percent(value, undefined="undefined")
