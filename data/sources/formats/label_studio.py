"""Exports of Label Studio: choices that people made about images.

    CSV         a row a choice, several in one cell as JSON
    JSON        a task an image with all its annotations
    JSON_MIN    a task an image with the values of its annotation

A task that nobody annotated yet, or whose annotation was skipped, has no label yet. Where one
annotation is marked as ground truth, the others of its task do not count.
Source: https://labelstud.io/guide/export
"""

import re
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.files import read_back, read_tables
from data.sources.formats import delimited
from data.sources.table import Reading, Row, Table

MAX_BYTES = 2 << 30  # read as a whole, which takes several times that in memory
# Columns of its own in CSV, beside those of the task's data and of its questions.
_OWN = {"annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id"}
_MARKS = {b"annotation_id", b"lead_time"}
_UPLOAD = re.compile(r"/data/upload/(?P<project>\d+/)?(?P<name>[^/]+)")
_LOCAL = re.compile(r"/data/local-files/\?d=(?P<path>.+)")
_PREFIX = re.compile(r"[0-9a-f]{8}-")
_IMAGE_KEYS = ("image", "img", "image_url", "url", "file", "path", "file_name")
_ANNOTATED = ""  # a key that no question has


class LabelStudioCsv:
    """An export as CSV."""

    name = "label_studio_csv"
    summary = "an export of Label Studio as CSV"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether the header of a CSV has Label Studio's own columns."""
        first = head.partition(b"\n")[0]
        return path.suffix.lower() == ".csv" and all(mark in first for mark in _MARKS)

    @contextmanager
    def opened(self, path: Path, reading: Reading) -> Iterator[Table]:
        """Opens a file; see :class:`data.sources.table.TableFormat`."""
        with delimited.FORMAT.opened(path, reading) as table:
            others = [name for name in table.columns if name not in _OWN]
            image = next((name for name in others if name.lower() in _IMAGE_KEYS), None)
            answers = [name for name in others if name != image]

            def rows(wanted: Sequence[int]) -> Iterator[Row]:
                for line, cells in table.rows(wanted):
                    yield line, [_plain(cell) for cell in cells]

            yield Table(
                table.columns,
                rows,
                table.unit,
                f"Label Studio, {table.read_as}",
                path_column=image,
                label_column=answers[0] if len(answers) == 1 else None,
                alternatives=_paths,
            )


class LabelStudioJson:
    """An export as JSON or JSON_MIN, a list of tasks."""

    name = "label_studio"
    summary = "an export of Label Studio as JSON"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether the suffix is ``.json`` and the file begins with a list."""
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return path.suffix.lower() == ".json" and text.startswith(b"[")

    @contextmanager
    def opened(self, path: Path, reading: Reading) -> Iterator[Table]:
        """Opens a file; see :class:`data.sources.table.TableFormat`."""
        found = read_back.json_file(path, "export of Label Studio", _found, limit=MAX_BYTES)

        def rows(wanted: Sequence[int]) -> Iterator[Row]:
            names = [found.columns[place] for place in wanted]
            for number, cells in found.rows:
                yield number, [cells.get(name) for name in names]

        yield Table(
            found.columns,
            rows,
            "task",
            "Label Studio, JSON",
            path_column=found.image,
            label_column=found.questions[0] if len(found.questions) == 1 else None,
            alternatives=_paths,
            empty_is_pending=True,
        )


CSV = LabelStudioCsv()
JSON = LabelStudioJson()


def _plain(cell: str) -> Any:
    """Returns the choices of a cell such as ``{"choices": ["cat", "dog"]}``, else the cell."""
    if not cell.startswith("{"):
        return cell
    try:
        return _choices(read_tables.json_cell(cell))
    except ValueError:
        return cell


@dataclass(frozen=True)
class _Found:
    """The tasks of an export.

    Attributes:
      image: the column of the images.
      questions: the columns of what people chose.
      columns: all columns.
      rows: the number of a task, and its cells by column; a row an annotation.
    """

    image: str
    questions: list[str]
    columns: tuple[str, ...]
    rows: list[tuple[Any, dict[str, Any]]]


def _found(tasks: Any) -> _Found:
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise read_back.BrokenError("a list of tasks is needed")
    whole = bool(tasks) and all(isinstance(task.get("data"), dict) for task in tasks)
    data = [task["data"] for task in tasks] if whole else tasks
    image = _image_key(data)
    rows: list[tuple[Any, dict[str, Any]]] = []
    questions: Counter[str] = Counter()
    for place, (task, given) in enumerate(zip(tasks, data, strict=True), 1):
        if not isinstance(given[image], str):
            raise read_back.BrokenError(f"{image} must be a text; found {given[image]!r:.60}")
        answers = _annotations(task) if whole else [_minimal(task, image)]
        for answer in answers:
            questions.update(key for key in answer if key != _ANNOTATED)
        rows += [(task.get("id", place), {image: given[image], **answer}) for answer in answers]
    names = sorted(questions)
    if whole:
        # An annotation without a choice says that no label fits; a task without one, nothing.
        rows = [(number, _completed(cells, names)) for number, cells in rows]
    return _Found(image, names, tuple(dict.fromkeys((image, *names))), rows)


def _completed(cells: dict[str, Any], questions: list[str]) -> dict[str, Any]:
    is_annotated = cells.pop(_ANNOTATED, False)
    return {**dict.fromkeys(questions, [] if is_annotated else None), **cells}


def _image_key(tasks: list[dict[str, Any]]) -> str:
    """Returns the key of the image: one with a usual name that every task has."""
    counts = Counter(key for task in tasks for key in task)
    shared = {key.lower(): key for key, count in counts.items() if count == len(tasks)}
    for usual in _IMAGE_KEYS:
        if usual in shared:
            return shared[usual]
    raise read_back.BrokenError(
        f"no key of all its tasks is called {', '.join(_IMAGE_KEYS[:-1])} or {_IMAGE_KEYS[-1]};"
        f" there are {', '.join(map(repr, sorted(shared.values())[:8])) or 'none'}"
    )


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the choices of each annotation of a task, by question; [{}] if it has none yet."""
    made = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    truth = [one for one in made if one.get("ground_truth")]
    answers: list[dict[str, Any]] = []
    for one in truth or made:
        chosen: dict[str, Any] = {_ANNOTATED: True}
        for result in one["result"]:
            if result.get("type") == "choices":
                question = _name(result["from_name"])
                chosen.setdefault(question, []).extend(_choices(result["value"]))
        answers.append(chosen)
    return answers or [{}]


def _minimal(task: dict[str, Any], image: str) -> dict[str, Any]:
    """Returns what may be choices in a task of JSON_MIN: data and answers lie side by side."""
    return {
        key: _choices(value)
        for key, value in task.items()
        if key not in {*_OWN, image}
        and (isinstance(value, str) or (isinstance(value, dict) and "choices" in value))
    }


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise read_back.BrokenError(f"from_name must be a text; found {value!r:.60}")
    return value


def _choices(value: Any) -> list[str]:
    found = value["choices"] if isinstance(value, dict) else [value]
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise read_back.BrokenError(f"choices must be a list of texts; found {value!r:.60}")
    return found


def _paths(path: str) -> list[str]:
    """Returns the files that an address inside Label Studio may mean.

    An upload is exported under its own name, with eight hex digits of Label Studio in front.
    """
    local = _LOCAL.fullmatch(path)
    if local:
        return [urllib.parse.unquote(local["path"])]
    upload = _UPLOAD.fullmatch(path)
    if not upload:
        return []
    found = []
    for name in dict.fromkeys((upload["name"], urllib.parse.unquote(upload["name"]))):
        found += [name, f"images/{name}", f"upload/{upload['project'] or ''}{name}"]
        if _PREFIX.match(name):
            found.append(name[9:])
    return found
