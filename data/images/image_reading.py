"""The rules that turn an image's bytes into pixels, shared by ingest and every graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.images.value_range import TYPE_16, Range

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Reading:
    """The rules by which a data set's images are read, in training and in serving.

    Attributes:
      background: red, green and blue of the colour behind transparency, in 0–255.
      value_range: the integers of more than 8 bits that become 0 and 255.
      float_range: the floating-point numbers that do; None if the data set has none.
      convert_to_srgb: whether embedded colour profiles are applied.
    """

    background: Colour = WHITE
    value_range: Range = TYPE_16
    float_range: Range | None = None
    convert_to_srgb: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Returns the entries of a contract, of JSON types only."""
        return {
            "background_rgb": list(self.background),
            "convert_to_srgb": self.convert_to_srgb,
            "value_range": list(self.value_range),
            "float_range": None if self.float_range is None else list(self.float_range),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Reading":
        """Reads the result of :meth:`to_dict`; ignores other entries.

        Raises:
          KeyError: an entry is missing.
        """
        floats = raw.get("float_range")
        return cls(
            background=tuple(raw["background_rgb"]),
            # Models of older releases scale by the type, and apply no profile.
            value_range=Range(*raw.get("value_range", TYPE_16)),
            float_range=None if floats is None else Range(*floats),
            convert_to_srgb=raw.get("convert_to_srgb", False),
        )


DEFAULT = Reading()
# For images that ingest stored: already in sRGB, or to be left as they are.
STORED = Reading(convert_to_srgb=False)
