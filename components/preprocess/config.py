"""Settings of preprocessing: the size and shape of the pixels that a model receives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks import task


class PreprocessConfig(BaseModel):
    """Resizing of every image to a square; the served model does the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_px: int = Field(160, ge=16, le=1024, description="side of the square image, in pixels")
    resize: Literal["stretch", "center_crop", "letterbox"] = Field(
        "stretch",
        description="how an image becomes square: stretch ignores the aspect ratio, center_crop"
        " cuts the longer side, letterbox pads the shorter",
    )


class PreprocessJob(BaseModel):
    """Input of the preprocessing step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: PreprocessConfig
    task: str = Field(task.DEFAULT, description="what the model learns")
