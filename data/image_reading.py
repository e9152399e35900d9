"""How the bytes of an image become its pixels: what ingest and every graph must do alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Reading:
    """What one data set's images are read by, in training and in serving.

    Attributes:
      background: red, green and blue of what is behind transparency, in 0–255.
    """

    background: Colour = WHITE

    def to_dict(self) -> dict[str, Any]:
        """Returns the entries of a contract, of JSON types only."""
        return {"background_rgb": list(self.background)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Reading":
        """Reads what :meth:`to_dict` made; other entries are left alone.

        Raises:
          KeyError: an entry is missing.
        """
        return cls(background=tuple(raw["background_rgb"]))


DEFAULT = Reading()
