"""Settings of the release gate that the tasks read: allowed losses, confidence, limits of metrics."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.splits import split
from tasks import metric

AUTO = "auto"


class EvidenceConfig(BaseModel):
    """Allowed losses against the served model, and how sure of a loss the gate must be.

    The limits of metrics are added where all tasks are known, one field a metric, named by
    ``metric.Metric.setting``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_support: int = Field(
        10, ge=0, description="minimum test images of a class for limits of its own to apply"
    )
    max_accuracy_drop: float = Field(
        0.05,
        ge=0,
        le=1,
        description="maximum loss of accuracy against the served model; where images have several"
        " labels, of the share of images with exactly the right ones",
    )
    max_recall_drop: float = Field(
        0.1, ge=0, le=1, description="maximum loss of each class's recall against the served model"
    )
    max_label_drop: float = Field(
        0.1,
        ge=0,
        le=1,
        description="where images have several labels: maximum loss, against the served model, of"
        " the share of right answers about each label on the images that have it or get it",
    )
    max_recall_at_1_drop: float = Field(
        0.05,
        ge=0,
        le=1,
        description="where images are searched for: maximum loss of recall@1 against the served model",
    )
    max_cosine_difference: float = Field(
        1e-4,
        gt=0,
        le=1,
        description="where images are searched for: maximum difference of a neighbour's cosine in the"
        " parity check",
    )
    max_mean_cosine: float = Field(
        0.95,
        gt=0,
        le=1,
        description="where images are searched for: maximum mean cosine of two images of the gallery;"
        " near to 1 all images look alike to the network",
    )
    max_hub_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="where images are searched for: share of the gallery's images from which on an image"
        " that is among their ten nearest is told as a hub",
    )
    max_mean_iou_drop: float = Field(
        0.03, ge=0, le=1, description="maximum loss of mean IoU against the served model"
    )
    max_iou_drop: float = Field(
        0.05, ge=0, le=1, description="maximum loss of each class's IoU against the served model"
    )
    max_differing_pixels: float = Field(
        0.001,
        gt=0,
        le=1,
        description="maximum share of an image's pixels with another class in the parity check",
    )
    max_map50_drop: float = Field(
        0.05, ge=0, le=1, description="maximum loss of mAP50 against the served model"
    )
    max_ap50_drop: float = Field(
        0.1, ge=0, le=1, description="maximum loss of each class's AP50 against the served model"
    )
    max_detection_difference: float = Field(
        0.001,
        gt=0,
        le=1,
        description="maximum difference of a detection's score, and ten times of its IoU, in the"
        " parity check",
    )
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="confidence level of the comparison with the served model"
    )
    method: Literal["mcnemar", "bootstrap"] = Field(
        "mcnemar",
        description="test of a loss against the served model; mcnemar also suits few images",
    )
    bootstrap_samples: int = Field(
        10_000,
        ge=1000,
        description="resamples of the comparison with the served model by gate.method bootstrap",
    )
    group_pattern: str | None = Field(
        None,
        description="regular expression on paths; masks with equal matches are resampled together;"
        " none: that of ingest.split.group-pattern",
    )
    inconclusive: Literal["refuse", "release"] = Field(
        "refuse", description="decision when there are too few test images to tell"
    )

    @field_validator("group_pattern")
    @classmethod
    def _is_an_expression(cls, value: str | None) -> str | None:
        return split.checked_pattern(value)

    def limit(self, one: metric.Metric, class_count: int) -> float | None:
        """Returns a metric's limit with ``class_count`` classes; None: no limit."""
        asked: float | str | None = getattr(self, one.setting, None)
        if isinstance(asked, str):
            return one.automatic(class_count) if one.automatic and class_count else None
        return asked
