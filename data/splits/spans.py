"""Spans: folders of images that arrive over time, ``span-1``, ``span-2``, … or one a date.

Their names follow TFX's patterns: ``{SPAN}`` is a number, ``{YYYY}``, ``{MM}``, ``{DD}`` a date.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data import errors
from data.layout import sniff

AUTO = "auto"
NONE = "none"
MARKER = "_SUCCESS"
AUTO_PATTERNS = ("span-{SPAN}", "{YYYY}-{MM}-{DD}", "{YYYY}{MM}{DD}")
_FIELDS = {"{SPAN}": r"(?P<span>\d{1,18})", "{YYYY}": r"(?P<year>\d{4})"}
_FIELDS |= {"{MM}": r"(?P<month>\d{2})", "{DD}": r"(?P<day>\d{2})"}


class SpanConfig(BaseModel):
    """The settings of spans: their names, and how many of the newest are used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: str = Field(
        AUTO,
        description="pattern of span folders: auto, none, span-{SPAN}, {YYYY}-{MM}-{DD}, …",
    )
    window: int | None = Field(None, ge=1, description="use only this many of the newest spans")
    fixed_test: int = Field(
        0,
        ge=0,
        description="number of first spans whose test images stay in the test split for good",
    )
    complete_only: bool = Field(
        False, description="ignore spans that do not yet hold a file _SUCCESS"
    )

    @field_validator("pattern")
    @classmethod
    def _names_a_span(cls, value: str) -> str:
        has_date = all(part in value for part in ("{YYYY}", "{MM}", "{DD}"))
        if value not in (AUTO, NONE) and "{SPAN}" not in value and not has_date:
            raise ValueError("{SPAN}, or {YYYY}, {MM} and {DD}, must be in it; or auto, or none")
        return value


@dataclass(frozen=True, order=True)
class Span:
    """One span: its number (a date as YYYYMMDD) and the name of its folder."""

    number: int
    folder: str


def find(
    root: Path, folders: Sequence[str], config: SpanConfig, by_class: bool = True
) -> list[Span]:
    """Returns the folders of a root that are spans, oldest first; none if it has no spans.

    Args:
      root: the data folder.
      folders: the names of the folders in it.
      config: the pattern. With "auto", folders that directly hold images are classes.
      by_class: whether folders may be classes; where annotations name them, all that match are spans.

    Raises:
      errors.DataError: two folders are the same span, or no folder matches the given pattern.
    """
    if config.pattern == NONE:
        return []
    if config.pattern == AUTO:
        for pattern in AUTO_PATTERNS:
            found = _match(folders, pattern)
            # A span that is still being written does not show the layout.
            whole = [span for span in found if not config.complete_only or is_complete(root, span)]
            here = [root / span.folder for span in whole]
            if found and (not by_class or _hold_class_folders(here)):
                break
        else:
            return []
    else:
        found = _match(folders, config.pattern)
        if not found:
            raise errors.DataError(
                f"No folder in {root} matches ingest.spans.pattern {config.pattern!r}; there are"
                f" {', '.join(folders[:5]) or 'none'}."
            )
    numbers = [span.number for span in found]
    twice = [span.folder for span in found if numbers.count(span.number) > 1]
    if twice:
        raise errors.DataError(f"The folders {' and '.join(twice)} in {root} are the same span.")
    return found


@dataclass(frozen=True)
class Chosen:
    """The use of each span according to the settings.

    Attributes:
      window: the spans that are used, oldest first.
      fixed: spans before the window whose test images are used.
      before_window: the other spans before the window.
      incomplete: spans whose marker is still missing.
    """

    window: tuple[Span, ...]
    fixed: tuple[Span, ...]
    before_window: tuple[Span, ...]
    incomplete: tuple[Span, ...]


def choose(root: Path, found: Sequence[Span], config: SpanConfig) -> Chosen:
    """Selects the spans that are used.

    Args:
      root: the data folder.
      found: its spans, oldest first.
      config: the window, and whether only complete spans count.
    """
    complete = [span for span in found if not config.complete_only or is_complete(root, span)]
    window = complete[-config.window :] if config.window else complete
    before = complete[: len(complete) - len(window)]
    return Chosen(
        window=tuple(window),
        fixed=tuple(before[: config.fixed_test]),
        before_window=tuple(before[config.fixed_test :]),
        incomplete=tuple(span for span in found if span not in complete),
    )


def is_complete(root: Path, span: Span) -> bool:
    """Returns whether a span holds the file that marks it as completely written."""
    return (root / span.folder / MARKER).is_file()


def _hold_class_folders(folders: Sequence[Path]) -> bool:
    """Returns whether no folder directly holds an image, as a class does, and one holds folders."""
    peeks = [sniff.peek(folder, ignored_prefix="_") for folder in folders]
    return not any(one.has_image for one in peeks) and (
        not peeks or any(one.folders for one in peeks)
    )


def _match(folders: Sequence[str], pattern: str) -> list[Span]:
    expression = re.escape(pattern)
    for field, part in _FIELDS.items():
        expression = expression.replace(re.escape(field), part)
    spans = []
    for name in folders:
        found = re.fullmatch(expression, name)
        number = _number(found.groupdict()) if found else None
        if number is not None:
            spans.append(Span(number, name))
    return sorted(spans)


def _number(fields: dict[str, str]) -> int | None:
    if "span" in fields:
        return int(fields["span"])
    try:
        date = datetime.date(int(fields["year"]), int(fields["month"]), int(fields["day"]))
    except ValueError:
        return None
    return int(date.strftime("%Y%m%d"))
