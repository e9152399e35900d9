"""The commands' output: predictions, versions and replays as tables."""

import datetime
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import console, table, text

from serving import read_back
from serving.client import predicted
from serving.replay import replay
from serving.versions import versions

_MAX_ROWS = 20
_MAX_NAMED = 8
_MAX_NEIGHBOURS = 5


def predictions(paths: Sequence[Path], found: Sequence[predicted.Prediction]) -> None:
    """Prints the model's prediction for each image."""
    rows = table.Table(box=None, pad_edge=False)
    for column in ("image", "label"):
        rows.add_column(column, overflow="fold")
    rows.add_column("score", justify="right")
    rows.add_column("")
    for path, prediction in zip(paths, found, strict=True):
        score = f"{prediction.score:.1%}" if prediction.valid else ""
        rows.add_row(_plain(str(path)), _plain(prediction.text), score, _plain(_note(prediction)))
        for one in prediction.neighbours[:_MAX_NEIGHBOURS]:
            rows.add_row(_plain(f"  {one.path}"), _plain(one.label), f"{one.cosine:.3f}")
    _console().print(rows)
    numbers = sorted({prediction.version for prediction in found})
    _console().print(f"model version {', '.join(numbers)}")


def listing(found: Sequence[versions.Version], served: int | None) -> None:
    """Prints the versions, newest first."""
    rows = table.Table(box=None, pad_edge=False)
    for column in ("version", "state", "pushed"):
        rows.add_column(column)
    for column in ("classes", "MB"):
        rows.add_column(column, justify="right")
    for version in reversed(found):
        rows.add_row(
            str(version.number),
            _state(version, served),
            _when(version.path),
            _classes(version.path),
            _megabytes(version.path),
        )
    _console().print(rows)


def replayed(found: replay.Replay, recorded: int, max_disagreement: float) -> None:
    """Prints the results of a replay.

    Args:
      found: the replay.
      recorded: the number of recorded images from which the replayed ones were chosen.
      max_disagreement: the allowed fraction, in 0–1.
    """
    out = _console()
    rows = table.Table(box=None, pad_edge=False)
    for column in ("", "classes", "p50 ms", "p99 ms"):
        rows.add_column(column, justify="right" if column else "left", overflow="fold")
    for which, name in enumerate(found.names):
        times = [f"{value:.1f}" for value in found.percentiles_ms(which)]
        rows.add_row(_plain(name), str(len(found.labels[which])), *times)
    out.print(rows)
    if found.label_changes:
        out.print(_label_changes(found))
    for name, images in (
        (found.names[0], found.newly_invalid),
        (found.names[1], found.newly_valid),
    ):
        if images:
            out.print(_plain(f"Only {name} can read {_first(images)}."))
    if found.outlier_changes:
        out.print(_plain(f"Outlier in only one version: {_first([*found.outlier_changes])}."))
    for one in found.unreadable[:_MAX_NAMED]:
        out.print(_plain(f"{one.name} could not be read: {one.reason}"))
    more = len(found.unreadable) - _MAX_NAMED
    if more > 0:
        out.print(f"{more} more could not be read.")
    for line in _summary(found, recorded, max_disagreement):
        out.print(_plain(line))


def aside() -> console.Console:
    """Returns a console for progress; silent if stderr is not a terminal."""
    return console.Console(stderr=True, quiet=not sys.stderr.isatty())


def _label_changes(found: replay.Replay) -> table.Table:
    rows = table.Table(box=None, pad_edge=False)
    for column in ("image", found.names[0], "", found.names[1], ""):
        rows.add_column(_plain(column), justify="left" if column else "right", overflow="fold")
    for one in found.label_changes[:_MAX_ROWS]:
        pairs = zip(one.labels, one.scores, strict=True)
        cells = [cell for label, score in pairs for cell in (_plain(label), f"{score:.1%}")]
        rows.add_row(_plain(one.image), *cells)
    more = len(found.label_changes) - _MAX_ROWS
    if more > 0:
        rows.add_row(f"and {more} more")
    return rows


def _summary(found: replay.Replay, recorded: int, max_disagreement: float) -> Iterator[str]:
    apart = f"Probabilities change by {found.mean_change:.4f} on average"
    if found.largest.change:
        where = f"{found.largest.image}, {found.largest.label}"
        apart += f", by {found.largest.change:.4f} at most ({where})"
    yield f"{apart}."
    for which in (1, 0):
        own = [name for name in found.labels[which] if name not in found.labels[1 - which]]
        if own:
            yield f"Only {found.names[which]} has {_first(own)}."
    neither = f"; neither version can read {found.neither}" if found.neither else ""
    yield f"{found.images} of {recorded} recorded images{neither}."
    yield (
        f"Disagreements: {found.disagreements} of {found.readable} ({found.fraction:.1%}); allowed"
        f" {max_disagreement:.1%}."
    )


def _first(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _console() -> console.Console:
    # Names of folders and classes may contain markup such as [red] or :cat:.
    return console.Console(markup=False, emoji=False, highlight=False)


def _plain(value: str) -> text.Text:
    return text.Text("".join(c if c.isprintable() else "�" for c in value))


def _note(prediction: predicted.Prediction) -> str:
    if not prediction.valid:
        reason = f": {prediction.invalid_reason}" if prediction.invalid_reason else ""
        return f"image cannot be read{reason}"
    return "out-of-distribution" if prediction.outputs.get("outlier") else ""


def _state(version: versions.Version, served: int | None) -> str:
    if version.number == served:
        return "served"
    if not version.whole:
        return "incomplete"
    return "withdrawn" if version.withdrawn else ""


def _when(folder: Path) -> str:
    time = datetime.datetime.fromtimestamp(folder.stat().st_mtime)
    return time.isoformat(" ", "minutes")


def _classes(folder: Path) -> str:
    try:
        contract = read_back.file(folder / "assets" / "contract.json")
        return str(len(contract["labels"]))
    except (KeyError, OSError, TypeError, ValueError):
        return "?"


def _megabytes(folder: Path) -> str:
    size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{size_bytes / 1e6:.1f}"
