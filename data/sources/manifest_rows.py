"""Reads the rows of manifests: each becomes an image file with its labels, or a problem.

Rows are read one by one; what is kept is a file each, and a few examples of each problem.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from data import errors, formats
from data.layout import names
from data.layout.unused import Reason
from data.sources import columns, image_paths, label_cells, manifest_file
from data.sources.config import AUTO
from data.sources.label_source import Request
from data.sources.row_problems import Fault, RowProblems
from data.sources.table import Table
from data.splits import folder

MAX_ROWS = 20_000_000


class Rows:
    """The images that manifests name.

    Args:
      request: the data folder and the settings.

    Attributes:
      files: path → the file with its labels.
      passed_over: path → why an image that a row names is not used.
      understood: how the manifests were understood, for people.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._cells = label_cells.Cells(request.labels.separator)
        self._excluded = frozenset(request.folders.exclude_classes)
        self._problems: list[str] = []
        self._repeated: Counter[str] = Counter()
        self._splits: dict[str, str | None] = {}
        self.files: dict[str, folder.ImageFile] = {}
        self.passed_over: dict[str, Reason] = {}
        self.understood: list[str] = []

    def read(self, part: manifest_file.Part) -> None:
        """Reads all rows of a manifest."""
        problems = RowProblems(part.where)
        found: list[str] = []
        try:
            needed = self._request.rule.needed
            with manifest_file.opened(part, self._request.labels, problems, needed) as opened:
                table, chosen = opened
                count = self._read(part, table, chosen, problems)
            self.understood += manifest_file.understood(part, table, chosen, count)
        except errors.DataError as error:
            found = list(error.problems)
        self._problems += [*problems.sentences(), *found]

    def finish(self) -> None:
        """Adds what only all rows show to what was understood.

        Raises:
          errors.DataError: rows had problems; names all kinds of them.
        """
        if self._problems:
            raise errors.DataError(*self._problems)
        for separator in sorted(self._cells.separators):
            self.understood.append(f"several labels in a cell are separated by {separator!r}")
        for kind, count in self._repeated.items():
            self.understood.append(f"{kind}: {count:,}")
        self.understood += [*self._divided_groups(), *self._spaced()]

    def _read(
        self, part: manifest_file.Part, table: Table, chosen: columns.Columns, problems: RowProblems
    ) -> int:
        paths = image_paths.ImagePaths(
            self._request.root, part.base, self._request.labels.suffix, table.alternatives
        )
        label_at, split_at, group_at = (
            None if place is None else chosen.read.index(place)
            for place in (chosen.label, chosen.split, chosen.group)
        )
        count = 0
        for count, (place, cells) in enumerate(table.rows(chosen.read), 1):
            if count > MAX_ROWS:
                raise errors.DataError(f"{part.where} has more than {MAX_ROWS:,} rows.")
            found = self._found(cells[0], place, paths, problems)
            labels: tuple[str, ...] | None = ()
            if label_at is not None:
                labels = self._labels(cells[label_at], place, table, problems)
            split = part.split
            if split_at is not None:
                split = self._split(cells[split_at], place, problems) or part.split
            group = None
            if group_at is not None:
                group = self._group(cells[group_at], place, problems)
            if found is None or (labels is None and not table.empty_is_pending):
                continue
            self._add(found, labels, split, group, place, problems)
        return count

    def _found(
        self, cell: Any, place: Any, paths: image_paths.ImagePaths, problems: RowProblems
    ) -> image_paths.Found | None:
        if isinstance(cell, int) and not isinstance(cell, bool):
            cell = str(cell)  # a number as an id
        if cell is not None and not isinstance(cell, str):
            problems.add(Fault.UNREADABLE, place, f"{cell!r:.80} is no path")
            return None
        found = paths.find(cell or "")
        if isinstance(found, image_paths.Found):
            return found
        problems.add(found, place, cell)
        if found is Fault.MISSING and problems.count(found) == 1:
            problems.advise(
                found, image_paths.advice(cell or "", paths, self._request.labels.suffix)
            )
        return None

    def _labels(
        self, cell: Any, place: Any, table: Table, problems: RowProblems
    ) -> tuple[str, ...] | None:
        """Returns the labels in a cell; None after a problem, or if nobody has labelled it yet."""
        try:
            labels = self._cells.labels(cell)
        except ValueError as error:
            problems.add(Fault.BAD_LABEL, place, error)
            return None
        if labels is None and table.empty_is_pending:
            return None
        rule = self._request.rule
        if rule.per_image == "any":
            return labels or ()
        if not labels:
            problems.add(Fault.NO_LABEL, place)
            return None
        if len(labels) > 1:
            problems.add(Fault.SEVERAL_LABELS, place, ", ".join(labels))
            problems.advise(Fault.SEVERAL_LABELS, _several(rule.advice, self._cells, cell))
            return None
        return labels

    def _split(self, cell: Any, place: Any, problems: RowProblems) -> str | None:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return None
        if not isinstance(cell, str):
            problems.add(Fault.BAD_SPLIT, place, f"{cell!r:.80}")
            return None
        if cell not in self._splits:
            split = names.split_of(cell)
            if split is None and cell.strip():
                problems.add(Fault.BAD_SPLIT, place, cell)
                return None
            self._splits[cell] = split
        return self._splits[cell]

    def _group(self, cell: Any, place: Any, problems: RowProblems) -> str | None:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return None
        text = cell.strip() if isinstance(cell, str) else str(cell)
        if not isinstance(cell, str | int | float) or not label_cells.is_printable(text):
            problems.add(Fault.BAD_GROUP, place, f"{cell!r:.80}")
            return None
        return text or None

    def _add(
        self,
        found: image_paths.Found,
        labels: tuple[str, ...] | None,
        split: str | None,
        group: str | None,
        place: Any,
        problems: RowProblems,
    ) -> None:
        path, size_bytes, modified_ns = found
        if labels is None:
            self.passed_over.setdefault(path, Reason.NOT_LABELLED_YET)
            return
        if self._excluded and not self._excluded.isdisjoint(labels):
            labels = tuple(label for label in labels if label not in self._excluded)
            if self._request.rule.per_image == "one":
                self.passed_over[path] = Reason.EXCLUDED_CLASS
                return
        file = folder.ImageFile(
            path, labels, split, size_bytes, modified_ns, None, group, is_stated=True
        )
        earlier = self.files.setdefault(path, file)
        if earlier is file:
            return
        if (earlier.split, earlier.group) == (split, group):
            if earlier.labels == labels:
                self._repeated["rows that repeat an earlier one"] += 1
                return
            if self._request.rule.per_image == "any":
                together = tuple(sorted({*earlier.labels, *labels}))
                self.files[path] = replace(earlier, labels=together)
                self._repeated["rows whose labels are added to those of an earlier one"] += 1
                return
        now, before = (
            "/".join(part for part in (", ".join(one.labels), one.split, one.group) if part)
            for one in (file, earlier)
        )
        problems.add(Fault.CONFLICT, place, f"{path} is {now}, before {before}")

    def _divided_groups(self) -> Iterator[str]:
        """Yields a line if given splits divide groups: they are kept, and the groups leak."""
        splits: dict[str, str | None] = {}
        divided = set()
        for file in self.files.values():
            if file.group is not None and splits.setdefault(file.group, file.split) != file.split:
                divided.add(file.group)
        if divided:
            some = ", ".join(sorted(divided)[:3]) + (", …" if len(divided) > 3 else "")
            groups = formats.plural(len(divided), "group")
            yield f"{groups} in several given splits, which are kept: {some}"

    def _spaced(self) -> Iterator[str]:
        """Yields a line if some labels look like several that spaces separate."""
        if self._request.labels.separator != AUTO:
            return
        labels = {label for file in self.files.values() for label in file.labels}
        spaced = sorted(
            label
            for label in labels
            if " " in label and all(one in labels for one in label.split())
        )
        if spaced:
            yield (
                f"{spaced[0]!r} is one label, and so are its words; if spaces separate labels:"
                " --labels.separator ' '"
            )


def _several(advice: str, cells: label_cells.Cells, cell: Any) -> str:
    kept = "--labels.separator none makes a cell one label." if isinstance(cell, str) else ""
    return " ".join(one for one in (advice, kept) if one)
