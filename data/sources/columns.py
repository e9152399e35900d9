"""Which column of a manifest is what: by the settings, else by usual names."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from data import errors
from data.sources.config import NONE, LabelsConfig
from data.sources.row_problems import plain
from data.sources.table import Table

# In the order of preference; small letters, without what stands between words.
PATHS = (
    "filename", "path", "file", "filepath", "imagepath", "imagefile", "imagefilename", "imagename",
    "image", "img", "imgpath", "imageurl", "uri", "imageid", "id",
)  # fmt: skip
LABELS = (
    "label", "labels", "class", "classes", "classname", "category", "categories", "tag", "tags",
    "choice", "choices", "target",
)  # fmt: skip
SPLITS = ("split", "subset", "partition")
GROUPS = ("group", "groupid")
WEIGHTS = ("weight", "sampleweight")
KNOWN = frozenset((*PATHS, *LABELS, *SPLITS, *GROUPS))
_NEAR = 0.8  # of difflib, for columns that nobody named
_NAMED = 12  # the most columns that a message names
_MOST_CHARACTERS = 60  # of each


@dataclass(frozen=True)
class Columns:
    """The positions of the columns that are read; None: the manifest has no such column.

    Attributes:
      path, label, split, group: the positions.
      names: of all columns.
    """

    path: int
    label: int | None
    split: int | None
    group: int | None
    names: tuple[str, ...]

    @property
    def read(self) -> list[int]:
        """Lists the positions of the columns that are read, in the order of the attributes."""
        found = (self.path, self.label, self.split, self.group)
        return [place for place in found if place is not None]

    @property
    def unread(self) -> list[str]:
        """Lists the names of the columns that are not read."""
        return [name for place, name in enumerate(self.names) if place not in self.read]


def choose(table: Table, config: LabelsConfig, where: str, needed: bool = True) -> Columns:
    """Finds the columns of a table.

    Args:
      table: the manifest.
      config: the names of columns, as far as they are given.
      where: the manifest's name, for messages.
      needed: whether there must be labels. If not, a table without any column that could hold them will do, or
        the name NONE for it.

    Raises:
      errors.DataError: a column that is given or needed is not there, or is there twice.
    """
    problems: list[str] = []
    names = table.columns

    def given(setting: str, name: str) -> int | None:
        found = [place for place, one in enumerate(names) if one == name]
        if len(found) == 1:
            return found[0]
        fault = "two columns" if found else "no column"
        hint = "" if found else f" {_near(name, names)}"
        problems.append(f"{where} has {fault} {name!r} (labels.{setting}).{hint}")
        return None

    def usual(setting: str, wanted: Sequence[str], prescribed: str | None = None) -> int | None:
        value = getattr(config, setting) or prescribed
        if value == NONE and NONE not in names:
            return None
        return given(setting, value) if value else _usual(names, wanted)

    path = usual("path_column", PATHS, table.path_column)
    label = usual("label_column", LABELS, table.label_column)
    split, group = usual("split_column", SPLITS), usual("group_column", GROUPS)
    others = [place for place in range(len(names)) if place not in (path, split, group)]
    stated = config.label_column != NONE or NONE in names
    if path is not None and label is None and len(names) == 2 and stated and not problems:
        label = others[0] if others else None
    is_without = not needed and (not stated or not others)
    if not problems:
        problems += _missing(path is None, label is None and not is_without, names, where)
        if problems and not needed:
            problems.append(f"If the images have no labels: --labels.label-column {NONE}.")
    if path is not None and path == label:
        problems.append(f"The column {names[path]!r} of {where} cannot hold both paths and labels.")
    if problems or path is None:
        raise errors.DataError(*problems)
    return Columns(path, label, split, group, names)


def simple(name: str) -> str:
    """Returns a column's name in small letters, without what stands between words."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _usual(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    found = {simple(name): place for place, name in reversed(list(enumerate(names)))}
    return next((found[name] for name in wanted if name in found), None)


def _missing(of_paths: bool, of_labels: bool, names: Sequence[str], where: str) -> list[str]:
    """Returns a sentence for each kind of column that is missing."""
    parts: list[tuple[str, str, str, Sequence[str]]] = []
    if of_paths:
        parts.append(("paths", "path-column", "file_name", PATHS))
    if of_labels:
        parts.append(("labels", "label-column", "label", LABELS))
    found = []
    for what, flag, example, wanted in parts:
        near = [
            name
            for name in names
            if difflib.get_close_matches(simple(name), wanted, n=1, cutoff=_NEAR)
        ]
        hint = f" {plain(near[0])}" if near else " NAME"
        found.append(
            f"{where} has no column of {what}, such as {example}; its columns are {shown(names)}. Name"
            f" it: --labels.{flag}{hint}."
        )
    return found


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3) or [
        one for one in names if simple(one) == simple(name)
    ]
    if near:
        return f"Did you mean {' or '.join(map(plain, near))}?"
    return f"Its columns are {shown(names)}."


def shown(names: Sequence[str]) -> str:
    """Returns the first names of a list, for messages."""
    some = [plain(name[:_MOST_CHARACTERS]) for name in names[:_NAMED]]
    return ", ".join(some) + (", …" if len(names) > _NAMED else "")
