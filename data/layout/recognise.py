"""Finds the class folders below a base, and the splits that the layout gives, if any.

::

    <base>/<class>/…                                       no splits: the pipeline assigns them
    <base>/{train,val,test}/<class>/…                      splits, by their usual names
    <base>/dataset/{Training Data,Test Data}/<class>/…     the same below another folder
    <base>/seg_train/seg_train/<class>/…                   the same, packed twice

A class may also be called "train": such a folder is a split only if it holds folders.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from data.layout import names, sniff, walk

Choice = Literal["auto", "classes", "splits"]
MAX_NESTING = 3


@dataclass(frozen=True)
class Layout:
    """The places of class folders.

    Attributes:
      splits: the path of a folder that holds class folders, with a slash at its end → its split;
        empty if the classes lie directly below the base.
        unlabelled: the same for folders named like a split that hold files and no class folder.
    """

    splits: Mapping[str, str] = field(default_factory=dict)
    unlabelled: frozenset[str] = frozenset()

    def place(self, folder: str) -> "Place":
        """Returns the role of a folder, by its path relative to the base with a final slash."""
        if not self.splits:
            class_name = folder.partition("/")[0]
            return Place(class_name or None, None, "base")
        for path, split in self.splits.items():
            if folder.startswith(path):
                class_name = folder[len(path) :].partition("/")[0]
                return Place(class_name or None, split, "split")
        if any(folder.startswith(path) for path in self.unlabelled):
            return Place(None, None, "unlabelled")
        if any(path.startswith(folder) for path in self.splits):
            return Place(None, None, "base")
        return Place(None, None, "beside")


@dataclass(frozen=True)
class Place:
    """The role of a folder.

    Attributes:
      class_name: the class that it belongs to; None outside of any class.
      split: its split, if the layout gives it.
      kind: of a folder outside of any class: the base or above split folders, a split folder, a
        split without class folders, or beside split folders.
    """

    class_name: str | None
    split: str | None
    kind: Literal["base", "split", "unlabelled", "beside"]


def recognise(base: Path, choice: Choice = "auto") -> Layout:
    """Finds the split folders below a base.

    Args:
      base: the data folder, or a span.
      choice: "classes": every folder is a class, whatever its name; "splits": folders with the
        names of splits are splits, whatever lies beside them; "auto": decide by their contents.
    """
    if choice == "classes":
        return Layout()
    below = ""
    for _ in range(MAX_NESTING):
        here = sniff.peek(base / below)
        found = _splits(base, below, here.folders, choice)
        if found:
            return found
        if len(here.folders) != 1 or here.has_image:
            break
        below = f"{below}{here.folders[0]}/"
    return Layout()


def _splits(base: Path, below: str, folders: tuple[str, ...], choice: Choice) -> Layout | None:
    """Returns the layout if one of the folders is a train split that holds class folders."""
    splits: dict[str, str] = {}
    unlabelled = set()
    mixed = 0  # train folders that hold images beside folders
    for name in folders:
        split = names.split_of(name)
        if split:
            path, inside = _inmost(base, f"{below}{name}/", split)
            if inside.folders:
                splits[path] = split
                mixed += split == "train" and inside.has_image
            else:
                unlabelled.add(f"{below}{name}/")
        elif names.is_prediction(name):
            unlabelled.add(f"{below}{name}/")
    trains = sum(split == "train" for split in splits.values())
    if not trains:
        return None
    others = [name for name in folders if not names.split_of(name)]
    # Images and folders in it, and no other split: cannot be told from a class with subfolders.
    doubtful = choice == "auto" and mixed == trains == len(splits)
    if doubtful and any(holds_image(base / below / name) for name in others):
        return None
    return Layout(splits, frozenset(unlabelled))


def _inmost(base: Path, path: str, split: str) -> tuple[str, sniff.Peek]:
    """Descends seg_train/seg_train/ and train/images/ to the folder of class folders."""
    inside = sniff.peek(base / path)
    for _ in range(MAX_NESTING):
        if len(inside.folders) != 1 or inside.has_image:
            break
        (name,) = inside.folders
        deeper = sniff.peek(base / path / name)
        packed_twice = names.split_of(name) == split
        if not packed_twice and not (names.is_container(name) and len(deeper.folders) > 1):
            break
        path, inside = f"{path}{name}/", deeper
    return path, inside


def holds_image(folder: Path) -> bool:
    """Returns whether an image file lies in a folder or anywhere below it."""
    for path, files in walk.walk(folder):
        nameless = []
        for file in files:
            if names.has_image_suffix(file.name) and not names.is_system(file.name):
                return True
            if not names.has_suffix(file.name):
                nameless.append(file.name)
        if sniff.any_image(Path(os.path.join(folder, path)), nameless):
            return True
    return False
