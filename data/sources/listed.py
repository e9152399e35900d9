"""The sources of annotations by what they annotate: each lists a data folder.

To add one, write a module with a function ``scan`` beside this one, and its line below.
"""

from pathlib import Path
from typing import Literal

from data.layout import checks, describe, mask_checks
from data.layout import config as folder_config
from data.layout import unused as unused_files
from data.masks import encoding
from data.sources import by_boxes, by_folder, by_mask
from data.splits import folder

# What is annotated: images as a whole, objects in them, or each pixel.
Annotates = Literal["images", "boxes", "pixels"]


def scan(
    annotates: Annotates,
    root: str | Path,
    config: folder_config.FolderConfig = folder_config.DEFAULT,
    note: unused_files.Note | None = None,
    masks: encoding.Encoding | None = None,
) -> folder.Listing:
    """Lists a data folder.

    Args:
      annotates: what is annotated.
      root: the data folder.
      config: how it is interpreted.
      note: called with each file that is not used.
      masks: what the values of masks mean, if that was decided before.

    Raises:
      errors.DataError: the folder cannot be read or understood.
    """
    if annotates == "pixels":
        return by_mask.scan(root, config, note, masks)
    if annotates == "boxes":
        return by_boxes.scan(root, config, note)
    return by_folder.scan(root, config, note)


def check(
    annotates: Annotates,
    listing: folder.Listing,
    config: folder_config.FolderConfig = folder_config.DEFAULT,
) -> None:
    """Refuses a listing that cannot make a model.

    Raises:
      errors.DataError: with every problem found.
    """
    (mask_checks if annotates == "pixels" else checks).check(listing, config)


def lines(listing: folder.Listing) -> list[str]:
    """Describes how a listing was understood, in a few lines for people."""
    return mask_checks.lines(listing) if listing.masks else describe.lines(listing)
