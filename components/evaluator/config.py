"""The settings of evaluation: what is measured. What must be reached is the release gate's."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# Everything a record says of its image but what names one single image; the class, the size and
# the span are always sliced by.
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
    """Metrics on the test split: of the whole, of each class, and of slices of the images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    top_k: int = Field(
        5, ge=1, description="right if among so many most probable classes; at most all of them"
    )
    slices: list[SliceFeature] = Field(
        [], description="features to slice by, besides class, size and span"
    )
    size_bounds_px: list[int] = Field(
        [128, 256, 512],
        description="where slices by the shorter side begin, in px; none: no slices",
    )
    confidence: float = Field(
        0.95, gt=0, lt=1, description="of the intervals: how often they hold the true value"
    )
    bootstrap_samples: int = Field(
        2000, ge=100, le=100_000, description="resamples for the intervals of F1"
    )

    def for_classes(self, count: int) -> "EvaluateConfig":
        """The same for so many classes: ``top_k`` is at most all of them."""
        return self.model_copy(update={"top_k": min(self.top_k, count)})

    def of_values(self) -> "EvaluateConfig":
        """The settings that the values of metrics depend on; those of slices and intervals as they come.

        For whoever computes values alone, so that nothing is done again for the sake of a slice.
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
