"""What ingest found in the masks of a set, for its report and the pages."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.masks.work import Facts


MOST_LISTED = 200


@dataclass
class MaskReport:
    """Sums over the masks that are used.

    Attributes:
      sentence: what was understood of their values.
      pixels: class name → pixels.
      images: class name → images with at least one pixel.
      void: pixels without a class.
      masks: number of masks.
      empty: masks without a pixel of any class.
      snapped: masks with values between two classes, which became the nearer one.
      largest_snapped_share: the largest share of such pixels in a mask, in 0–1.
      resized: masks of another size than their image.
      turned: masks that were turned upright with their image.
      ones: masks of 0 and 1 where the others have 0 and 255.
      specked: path of an image → lone pixels in its mask; those with most, at most MOST_LISTED.
      differing: pairs of copies of an image with different masks, at most MOST_LISTED.
    """

    sentence: str
    pixels: dict[str, int] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    void: int = 0
    masks: int = 0
    empty: int = 0
    snapped: int = 0
    largest_snapped_share: float = 0.0
    resized: int = 0
    turned: int = 0
    ones: int = 0
    specked: dict[str, int] = field(default_factory=dict)
    differing: list[tuple[str, str]] = field(default_factory=list)

    def compare(self, first: str, other: str, are_equal: bool) -> None:
        """Adds two copies of an image by their paths."""
        if not are_equal and len(self.differing) < MOST_LISTED:
            self.differing.append((first, other))

    def add(self, facts: "Facts", labels: list[str], path: str = "") -> None:
        """Adds the mask of the image with a path."""
        for number, count in facts.counts.items():
            name = labels[number]
            self.pixels[name] = self.pixels.get(name, 0) + count
            self.images[name] = self.images.get(name, 0) + 1
        self.void += facts.void
        self.masks += 1
        self.empty += not facts.counts
        self.snapped += facts.snapped_share > 0
        self.largest_snapped_share = max(self.largest_snapped_share, facts.snapped_share)
        self.resized += facts.resized
        self.turned += facts.turned
        self.ones += facts.ones
        if facts.specks:
            self.specked[path] = facts.specks
            if len(self.specked) > MOST_LISTED:
                del self.specked[min(self.specked, key=lambda one: self.specked[one])]
