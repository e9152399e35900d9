"""Settings of exports for other runtimes. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Format = Literal["tflite_float16", "tflite_int8", "onnx"]
# Names of the input and the output of a file of any format.
INPUT, OUTPUT = "pixels", "probabilities"


class ExportConfig(BaseModel):
    """Exports of the model for phones and other runtimes, beside the SavedModel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formats: list[Format] = Field([], description="formats: tflite_float16, tflite_int8, onnx")
    representative_images: int = Field(
        200, ge=1, le=1000, description="number of training images that calibrate tflite_int8"
    )

    @field_validator("formats")
    @classmethod
    def _differ(cls, value: list[Format]) -> list[Format]:
        if len(set(value)) != len(value):
            raise ValueError("must name each format once")
        return value
