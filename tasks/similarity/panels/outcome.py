"""The outcome of a run in words and numbers: for summary.json, the terminal and the history."""

from collections.abc import Mapping, Sequence
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
    near_duplicates: int | None = Field(
        None, ge=0, description="images of the gallery that nearly coincide with another"
    )
    clusters: int | None = Field(
        None, ge=1, description="clusters of the gallery; 1: none can be told apart"
    )
    silhouette: float | None = Field(
        None, ge=-1, le=1, description="mean silhouette of the best clustering of the gallery"
    )
    outliers: int | None = Field(
        None, ge=0, description="images of the gallery that are far from their nearest others"
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
        **_structure(answers.gallery if answers is not None else {}),
        figures={name: figure.value for name, figure in result.figures.items()},
        per_class={
            name: {"support": row.support}
            | {metric: figure.value for metric, figure in row.figures.items()}
            for name, row in result.per_class.items()
        },
    )


def _structure(gallery: Mapping[str, Any]) -> dict[str, Any]:
    spoiled, found = gallery.get("health") or {}, gallery.get("structure") or {}
    return {
        "near_duplicates": spoiled.get("copied"),
        **{name: found.get(name) for name in ("clusters", "silhouette", "outliers")},
    }


def headline(found: Metrics | None) -> parts.Headline:
    """Returns recall@1."""
    return parts.Headline("recall@1", found.recall_at_1 if found else None)


def table(found: Metrics) -> parts.Table:
    """Returns recall@1 of each class."""
    if not found.per_class:
        return parts.Table(("structure", "gallery"), structure_rows(found))
    return parts.Table.of_rates("class", {"recall": "recall@1"}, found.per_class)


def sentence(found: Metrics, tested: int) -> str:
    """Returns recall@1 and its interval as a sentence.

    Args:
      found: the metrics.
      tested: the number of test images.
    """
    if not found.per_class:
        return _of_structure(found, tested)
    text = f"Test recall@1 {_percent(found.recall_at_1)} on {formats.plural(tested, 'image')}"
    if found.recall_at_1_low is not None:
        text += (
            f"; confidence interval: {_percent(found.recall_at_1_low)}"
            f" to {_percent(found.recall_at_1_high)}"
        )
    return f"{text}. Recall@5 {_percent(found.recall_at_5)}, MAP@R {_percent(found.map_at_r)}."


def _of_structure(found: Metrics, tested: int) -> str:
    text = "No recall, since the images have no labels"
    if found.mean_score is not None:
        text += (
            f"; the nearest image of {formats.plural(tested, 'test image')} has a mean cosine of"
            f" {found.mean_score:.2f}"
        )
    return f"{text}."


def structure_rows(found: Metrics) -> list[tuple[str, str]]:
    """Returns the figures of the gallery's structure, as (name, text), of those that were measured."""
    rows = []
    if found.clusters is not None:
        clusters = "none" if found.clusters == 1 else f"{found.clusters:,}"
        rows += [("clusters", clusters), ("silhouette", f"{found.silhouette:.2f}")]
    if found.near_duplicates is not None:
        rows.append(("near-duplicates", f"{found.near_duplicates:,}"))
    if found.outliers is not None:
        rows.append(("outliers", f"{found.outliers:,}"))
    return rows


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
