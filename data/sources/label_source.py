"""The protocol of a label source: what to read, and the three duties of who reads it.

    by_folder.py      class folders and split folders: a folder's name is the label
    by_manifest.py    a table with a row an image, of any format in formats/
    by_image.py       images alone, where no labels are needed
    by_mask.py        images beside masks, which give each pixel a class
    by_boxes.py       annotation files with boxes around objects

A sample is a :class:`data.splits.folder.ImageFile`: an image file with any number of labels and,
where the source gives them, a split and a group. Ingest takes samples from there to records.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from data import errors
from data.layout import config as folder_config
from data.layout import unused
from data.masks import encoding
from data.sources import config as label_config
from data.splits import folder

# What is annotated: images as a whole, objects in them, or each pixel.
Annotates = Literal["images", "boxes", "pixels"]


class LabelRule(NamedTuple):
    """What is annotated, and how many labels an image may have.

    Attributes:
      per_image: "one": exactly one; "any": any number, also none.
      advice: what allows several, in whole sentences, for messages.
      annotates: "pixels" where a mask gives each pixel a class, "boxes" where boxes give classes to
        objects.
      needed: whether there must be labels; else a folder of images alone will do.
    """

    per_image: Literal["one", "any"] = "one"
    advice: str = ""
    annotates: Annotates = "images"
    needed: bool = True


ONE = LabelRule()


@contextlib.contextmanager
def reading(root: Path, holds: str) -> Iterator[None]:
    """Checks a data folder, and refuses it where reading it fails.

    Args:
      root: the data folder.
      holds: what it should hold, such as "class folders", for messages.

    Raises:
      errors.DataError: it is missing, is not a folder or cannot be read.
    """
    if not root.exists():
        raise errors.DataError(f"The data folder {root} does not exist.")
    if not root.is_dir():
        raise errors.DataError(f"The data folder {root} is a file; a folder of {holds} is needed.")
    try:
        yield
    except OSError as error:
        raise errors.DataError(
            f"The data folder {root} cannot be read: {error.strerror}."
        ) from error


@dataclass(frozen=True)
class Request:
    """What is to be listed.

    Attributes:
      root: the data folder. Nothing outside of it is read as an image.
      folders: how its folders are interpreted.
      labels: where the labels are.
      rule: how many labels an image may have.
      masks: what the values of masks mean, if that was decided before.
    """

    root: Path
    folders: folder_config.FolderConfig = folder_config.DEFAULT
    labels: label_config.LabelsConfig = label_config.DEFAULT
    rule: LabelRule = ONE
    masks: encoding.Encoding | None = None


class LabelSource(Protocol):
    """A way to state the labels of images."""

    def recognises(self, request: Request) -> bool:
        """Returns whether the labels are stated in this way."""

    def scan(self, request: Request, note: unused.Note | None = None) -> folder.Listing:
        """Lists the images with their labels; calls ``note`` with each file that is not used.

        Raises:
          errors.DataError: the data cannot be read, or contradicts itself.
        """

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Refuses a listing that no model can be trained on.

        Raises:
          errors.DataError: with every problem found.
        """
