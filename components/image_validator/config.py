"""The settings of the validation of a set of images."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["ignore", "warn", "block"]


class ValidateConfig(BaseModel):
    """What stops a run before training. Each check is ignored, warned of, or blocks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_anomalies: Severity = Field(
        "block", description="metadata that breaks the schema, as ExampleValidator finds it"
    )
    quarantined: Severity = Field("warn", description="too many files could not be read")
    max_quarantined_fraction: float = Field(
        0.2, ge=0, le=1, description="share of files in quarantine above which it is too many"
    )
    small_classes: Severity = Field("warn", description="a class has too few images to train on")
    min_train_images: int = Field(10, ge=1, description="images of a class that are enough")
    untested_classes: Severity = Field("warn", description="a class has no image in the test split")
