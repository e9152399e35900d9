"""Unused files of a data folder: the reasons, and their number for each reason.

Every file ends in a split, in the quarantine list or here. There may be millions of rows, which
are passed on one by one; only a count and a few examples a reason are kept.
"""

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data.layout import names, sniff, walk

EXAMPLES = 3


class Reason(str, enum.Enum):
    """The reason why a file is not used; the values are codes in lists and ``summary.json``."""

    HIDDEN_OR_SYSTEM = "hidden_or_system"
    OUTSIDE_CLASS_FOLDER = "outside_class_folder"
    BESIDE_SPLIT_FOLDERS = "beside_split_folders"
    BESIDE_SPANS = "beside_spans"
    UNLABELLED_SPLIT = "unlabelled_split"
    NO_IMAGE_IN_FOLDER = "no_image_in_folder"
    EXTRA_NOT_INSTALLED = "extra_not_installed"
    LINK_NOT_FOLLOWED = "link_not_followed"
    FOLDER_UNREADABLE = "folder_unreadable"
    EXCLUDED_CLASS = "excluded_class"
    SPAN_OUTSIDE_WINDOW = "span_outside_window"
    SPAN_INCOMPLETE = "span_incomplete"
    SPAN_FOR_TEST_ONLY = "span_for_test_only"
    IMAGE_WITHOUT_BOXES = "image_without_boxes"
    NEITHER_IMAGE_NOR_BOXES = "neither_image_nor_boxes"
    IMAGE_WITHOUT_MASK = "image_without_mask"
    MASK_WITHOUT_IMAGE = "mask_without_image"
    SEVERAL_MASKS = "several_masks"
    SEVERAL_IMAGES = "several_images_for_a_mask"
    OTHER_ANNOTATION = "other_annotation"
    NO_IMAGE_FILE = "no_image_file"
    NOT_IN_MANIFEST = "not_in_manifest"
    NOT_LABELLED_YET = "not_labelled_yet"


TEXTS = {
    Reason.HIDDEN_OR_SYSTEM: "hidden or system files",
    Reason.OUTSIDE_CLASS_FOLDER: "outside of class folders",
    Reason.BESIDE_SPLIT_FOLDERS: "in folders beside the split folders",
    Reason.BESIDE_SPANS: "in folders beside the spans",
    Reason.UNLABELLED_SPLIT: "in a split without class folders",
    Reason.NO_IMAGE_IN_FOLDER: "in folders without an image",
    Reason.EXTRA_NOT_INSTALLED: "HEIC or HEIF files, which need the extra heif",
    Reason.LINK_NOT_FOLLOWED: "links to folders or out of the data folder",
    Reason.FOLDER_UNREADABLE: "folders that cannot be listed",
    Reason.EXCLUDED_CLASS: "in classes of ingest.exclude-classes",
    Reason.SPAN_OUTSIDE_WINDOW: "in spans before ingest.spans.window",
    Reason.SPAN_INCOMPLETE: "in spans without _SUCCESS",
    Reason.SPAN_FOR_TEST_ONLY: "in spans of ingest.spans.fixed-test, but no test images",
    Reason.IMAGE_WITHOUT_BOXES: "images that no annotation mentions",
    Reason.NEITHER_IMAGE_NOR_BOXES: "neither images nor annotations that were read",
    Reason.IMAGE_WITHOUT_MASK: "images without a mask",
    Reason.MASK_WITHOUT_IMAGE: "masks without an image",
    Reason.SEVERAL_MASKS: "images with several masks, and these",
    Reason.SEVERAL_IMAGES: "masks that fit several images, and these",
    Reason.OTHER_ANNOTATION: "masks of objects, beside those of classes",
    Reason.NO_IMAGE_FILE: "not images by their names",
    Reason.NOT_IN_MANIFEST: "that the manifest does not name",
    Reason.NOT_LABELLED_YET: "that nobody has labelled yet",
}
# Files that a setting or a convention leaves out are not lost.
EXPECTED = frozenset(
    {
        Reason.HIDDEN_OR_SYSTEM,
        Reason.EXCLUDED_CLASS,
        Reason.SPAN_OUTSIDE_WINDOW,
        Reason.SPAN_INCOMPLETE,
        Reason.SPAN_FOR_TEST_ONLY,
        Reason.OTHER_ANNOTATION,
        Reason.NOT_LABELLED_YET,
    }
)


class Unused(NamedTuple):
    """A file that is not used.

    Attributes:
      path: relative to the data folder.
      reason: the reason.
      is_image: whether it is an image file, by its name or its first bytes.
    """

    path: str
    reason: Reason
    is_image: bool


Note = Callable[[Unused], None]


@dataclass
class Tally:
    """Counts of the files that are not used.

    Attributes:
      files: reason → how many.
      images: reason → how many of them are image files.
      examples: reason → the first few paths, image files before others.
    """

    files: Counter[Reason] = field(default_factory=Counter)
    images: Counter[Reason] = field(default_factory=Counter)
    examples: dict[Reason, list[str]] = field(default_factory=dict)

    def add(self, row: Unused) -> None:
        """Counts a file."""
        shown = self.examples.setdefault(row.reason, [])
        if row.is_image and self.images[row.reason] < EXAMPLES:
            shown.insert(self.images[row.reason], row.path)
            del shown[EXAMPLES:]
        elif len(shown) < EXAMPLES:
            shown.append(row.path)
        self.files[row.reason] += 1
        self.images[row.reason] += row.is_image

    @property
    def total(self) -> int:
        """Returns the number of all files that are not used."""
        return self.files.total()

    @property
    def lost_images(self) -> int:
        """Returns the number of image files that are unused without a setting or convention."""
        return sum(count for reason, count in self.images.items() if reason not in EXPECTED)


def rows(
    root: Path, below: str, entries: Iterable[walk.Entry], reason: Reason
) -> Iterator[tuple[walk.Entry, Unused]]:
    """Yields for each file of a folder why it is not used, and whether it is an image file.

    Args:
      root: the data folder.
      below: the folder's path relative to it, with a slash at its end.
      entries: its files.
      reason: why they are not used; hidden files, links and closed folders have reasons of their own.
    """
    entries = list(entries)
    nameless_are_images: bool | None = None
    for entry in entries:
        why, is_image = reason, names.has_image_suffix(entry.name) and not entry.is_folder
        if names.is_system(entry.name):
            why = Reason.HIDDEN_OR_SYSTEM
        elif entry.is_folder and reason not in EXPECTED:
            why = Reason.LINK_NOT_FOLLOWED if entry.is_link else Reason.FOLDER_UNREADABLE
        elif reason not in EXPECTED and not names.has_suffix(entry.name):
            if nameless_are_images is None:
                nameless = [one.name for one in entries if not names.has_suffix(one.name)]
                nameless_are_images = sniff.any_image(root / below, nameless)
            is_image = nameless_are_images
        yield entry, Unused(below + entry.name, why, is_image)
