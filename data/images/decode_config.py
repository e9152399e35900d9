"""The settings of decoding. Imports no TensorFlow: the command line reads them."""

from PIL import ImageColor
from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_PIXELS = 100_000_000  # the served model refuses larger images too


class Limits(BaseModel):
    """The bounds on one image; checked before its pixels are decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: int = Field(64 << 20, gt=0, description="size of the largest image file, in bytes")
    max_pixels: int = Field(
        MAX_PIXELS,
        gt=0,
        le=MAX_PIXELS,
        description="largest width × height that is accepted, in pixels",
    )
    min_side_px: int = Field(2, ge=1, description="shortest image side that is accepted, in pixels")
    max_side_px: int = Field(
        30_000, ge=1, le=65_500, description="longest image side that is accepted, in pixels"
    )
    max_seconds: float = Field(20.0, gt=0, description="longest time to decode an image")
    max_memory_bytes: int = Field(
        4 << 30, ge=1 << 28, description="memory limit of a decoder, in bytes"
    )


class DecodeConfig(BaseModel):
    """The settings by which a file becomes an image that every reader decodes alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: Limits = Field(
        default_factory=Limits, description="bounds on the size, time and memory of one image"
    )
    max_side_px: int | None = Field(
        None, ge=16, description="reduce larger images to this longest side when they are stored"
    )
    background: str = Field("white", description="colour behind transparency: a name or #rrggbb")
    convert_to_srgb: bool = Field(True, description="convert embedded colour profiles to sRGB")

    def background_rgb(self) -> tuple[int, int, int]:
        """Returns the background as red, green and blue, in 0–255."""
        red, green, blue = ImageColor.getrgb(self.background)[:3]
        return red, green, blue

    def decoding(self) -> "DecodeConfig":
        """Returns the part of the settings that a decoder needs, of a class that adds others."""
        return DecodeConfig(**self.model_dump(include=set(DecodeConfig.model_fields)))

    @field_validator("background")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        try:
            ImageColor.getcolor(value, "RGB")
        except ValueError as error:
            raise ValueError("a colour is needed: a name such as white, or #rrggbb") from error
        return value
