"""The settings of preprocessing: what pixels a model sees."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PreprocessConfig(BaseModel):
    """How an image becomes a square of pixels; the served model does the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_px: int = Field(160, ge=16, le=1024, description="side of the square, in pixels")
    resize: Literal["stretch", "center_crop", "letterbox"] = Field(
        "stretch", description="ignore the aspect ratio, cut the longer side, or pad the shorter"
    )
