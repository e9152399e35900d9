"""The counts behind the rates of labels. Dimension letters: N images, K labels."""

from dataclasses import dataclass, field

from tasks.statistics import counts

NAMES = ("true_positives", "called", "support")


@dataclass
class LabelCounts(counts.Counts):
    """Numbers of images by label, where an image may have any number of labels.

    Attributes:
      true_positives: int64 [K], images of each label to which it was given.
      called: int64 [K], images to which each label was given.
      support: int64 [K], images of each label.
      images: N.
    """

    images: int = field(default=0, kw_only=True)

    @property
    def total(self) -> int:
        """Returns the number of images."""
        return self.images
