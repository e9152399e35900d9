"""Settings of exports for other runtimes. Imports no TensorFlow."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from components.trainer.exports import formats

if TYPE_CHECKING:
    Format = str
else:
    Format = Literal[tuple(formats.REGISTRY)]
_CALIBRATED = " and ".join(one.name for one in formats.ALL if one.is_calibrated)


class ExportConfig(BaseModel):
    """Exports of the model for phones and other runtimes, beside the SavedModel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formats: list[Format] = Field([], description=f"any of {', '.join(formats.REGISTRY)}")
    representative_images: int = Field(
        200, ge=1, le=1000, description=f"training images that {_CALIBRATED} is calibrated on"
    )

    network: bool = Field(
        True,
        description="whether the network is also written for ONNX Runtime, which serves it faster on CPUs"
        " (needs the extra [onnx]; without it TensorFlow serves)",
    )

    @field_validator("formats")
    @classmethod
    def _differ(cls, value: list[Format]) -> list[Format]:
        if len(set(value)) != len(value):
            raise ValueError("must name each format once")
        return value
