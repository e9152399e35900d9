"""The sources of annotations by what they annotate: each lists a data folder.

To add one, write a module with a function ``scan`` beside this one, and its line below.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from data.layout import config as folder_config
from data.layout import unused as unused_files
from data.sources import by_boxes, by_folder
from data.splits import folder

# What is annotated: images as a whole, or objects in them.
Annotates = Literal["images", "boxes"]
_SOURCES: dict[str, Callable[..., folder.Listing]] = {
    "images": by_folder.scan,
    "boxes": by_boxes.scan,
}


def scan(
    annotates: Annotates,
    root: str | Path,
    config: folder_config.FolderConfig = folder_config.DEFAULT,
    note: unused_files.Note | None = None,
) -> folder.Listing:
    """Lists a data folder.

    Args:
      annotates: what is annotated.
      root: the data folder.
      config: how it is interpreted.
      note: called with each file that is not used.

    Raises:
      errors.DataError: the folder cannot be read or understood.
    """
    return _SOURCES[annotates](root, config, note)
