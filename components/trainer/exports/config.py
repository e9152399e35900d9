"""The settings of exports for other runtimes. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Format = Literal["tflite_float16", "tflite_int8", "onnx"]
# What goes into a file of any format, and what comes out of it, are called so.
INPUT, OUTPUT = "pixels", "probabilities"


class ExportConfig(BaseModel):
    """What the model is also written as, beside the SavedModel, for phones and other runtimes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formats: list[Format] = Field([], description="any of tflite_float16, tflite_int8, onnx")
    representative_images: int = Field(
        200, ge=1, le=1000, description="training images that tflite_int8 is calibrated on"
    )

    @field_validator("formats")
    @classmethod
    def _differ(cls, value: list[Format]) -> list[Format]:
        if len(set(value)) != len(value):
            raise ValueError("must name each format once")
        return value
