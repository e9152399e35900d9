"""The settings of augmentation. Imports no TensorFlow: the command line reads them at once."""

from pydantic import BaseModel, ConfigDict, Field


class AugmentConfig(BaseModel):
    """How far a training image may be changed; 0 turns a change off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizontal_flip: bool = Field(True, description="mirror half of the images left to right")
    rotation_degrees: float = Field(10.0, ge=0, le=180, description="largest turn either way")
    zoom_fraction: float = Field(0.15, ge=0, lt=1, description="largest zoom in or out")
    translation_fraction: float = Field(0.08, ge=0, lt=1, description="largest shift, of the side")
    brightness_fraction: float = Field(0.15, ge=0, lt=1, description="largest change of brightness")
    contrast_fraction: float = Field(0.15, ge=0, lt=1, description="largest change of contrast")
