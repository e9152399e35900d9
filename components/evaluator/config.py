"""The settings of evaluation: what a model must reach to be pushed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_AUTOMATIC_FLOOR = 0.7


class EvaluateConfig(BaseModel):
    """Floors on the test split, and how much worse than the last blessed model is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_accuracy: float | Literal["auto"] = Field(
        "auto", description="accuracy to reach; auto: twice that of guessing, at most 0.7"
    )
    min_precision: float | None = Field(None, ge=0, le=1, description="of every class")
    min_recall: float | None = Field(None, ge=0, le=1, description="of every class")
    max_accuracy_drop: float = Field(
        0.05, ge=0, le=1, description="below the last blessed model's, on the same images"
    )

    def accuracy_floor(self, class_count: int) -> float:
        """The accuracy to reach with ``class_count`` classes, in 0–1."""
        if self.min_accuracy == "auto":
            return min(MOST_AUTOMATIC_FLOOR, 2 / class_count)
        return self.min_accuracy
