"""Settings of evaluation: which metrics are computed. Their limits belong to the release gate."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# All image features of a record except those that identify a single image. Metrics are always
# sliced by class, size and span.
SliceFeature = Literal[
    "image/format",
    "image/source_format",
    "image/reencoded",
    "image/channels",
    "image/height",
    "image/width",
    "image/size_bytes",
    "image/quality/brightness",
    "image/quality/contrast",
    "image/quality/highlight",
    "image/quality/shadow",
    "image/quality/sharpness",
    "image/quality/saturation",
]


class EvaluateConfig(BaseModel):
    """Metrics on the test split: overall, by class and by slice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    top_k: int = Field(
        5, ge=1, description="k of the top-k accuracy; at most the number of classes"
    )
    slices: list[SliceFeature] = Field(
        [], description="image features to slice metrics by, besides class, size and span"
    )
    size_bounds_px: list[int] = Field(
        [128, 256, 512],
        description="lower bounds of the slices by shorter side, in px; empty: no such slices",
    )
    confidence: float = Field(
        0.95, gt=0, lt=1, description="confidence level of the intervals of metrics"
    )
    bootstrap_samples: int = Field(
        2000, ge=100, le=100_000, description="bootstrap resamples for the intervals of F1"
    )

    def for_classes(self, count: int) -> "EvaluateConfig":
        """Returns the same settings with ``top_k`` limited to the number of classes, if there are any."""
        return self.model_copy(update={"top_k": max(1, min(self.top_k, count))})

    def of_values(self) -> "EvaluateConfig":
        """Returns only the settings that metric values depend on; the others have their defaults.

        Steps that compute values alone use it, so that a changed slice does not run them again.
        """
        return EvaluateConfig(top_k=self.top_k)

    @field_validator("size_bounds_px")
    @classmethod
    def _ascend(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)) or min(value, default=1) < 1:
            raise ValueError("must be whole numbers from 1 up, each larger than the one before")
        return value

    @field_validator("slices")
    @classmethod
    def _differ(cls, value: list[SliceFeature]) -> list[SliceFeature]:
        if len(set(value)) != len(value):
            raise ValueError("must name each feature once")
        return value
