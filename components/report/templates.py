"""Rendering environments of the report's templates, and their filters.

A template writes ``{{ name }}``, which is escaped: for HTML by jinja2, for Markdown by
:func:`escaped`. A value that is missing is an error.
"""

import base64
import hashlib
import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from data import formats, pages
from data.splits import folder
from tasks import pages as task_pages
from tasks import result

FOLDER = Path(__file__).parent
# Characters that Markdown and GitHub may read as markup within a line, and at the start of one.
_MARKUP = re.compile(r"([\\`*_\[\]|~$!#])")
_LIST = re.compile(r"^(\d*)([-+.)=])(?=[\s=-]|$)")
# Line ends, other control characters, and those that change the writing direction.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def html(template: str, folders: Sequence[Path] = (), **values: Any) -> str:
    """Renders a page with its style sheet and script inline; no other script may run.

    Args:
      template: a file of this folder; it also gets ``style``, ``script`` and ``policy``.
      folders: further folders with templates, such as a task's.
      values: the values to show.
    """
    script = (FOLDER / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}';"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        _environment(folders, autoescape=True)
        .get_template(template)
        .render(
            style=markupsafe.Markup((FOLDER / "style.css").read_text(encoding="utf-8")),  # noqa: S704
            script=markupsafe.Markup(script),  # noqa: S704
            policy=policy,
            **values,
        )
    )


def markdown(template: str, folders: Sequence[Path] = (), **values: Any) -> str:
    """Renders a Markdown file; every value is escaped. Arguments as of :func:`html`."""
    environment = _environment(folders, autoescape=False)
    environment.finalize = escaped
    return environment.get_template(template).render(**values)


def escaped(value: Any) -> str:
    """Escapes a value as one line of Markdown that shows it unchanged."""
    line = _CONTROL.sub(" ", folder.printable(str(value))).strip()
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LIST.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", line))


def fenced(text: str, language: str) -> str:
    """Formats a block of code, whatever backticks are in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{folder.printable(text).rstrip()}\n{fence}\n"


def link(path: str) -> str:
    """Formats a path as a link's address, which can only name a file."""
    return urllib.parse.quote(path.encode("utf-8", "surrogateescape"))


def interval(figure: result.Figure) -> str:
    """Formats the bounds of a figure in percent, "91.0–96.8"; empty where there are none."""
    return "" if figure.value is None else formats.bounds(figure.interval)


def estimate(figure: result.Figure) -> str:
    """Formats a figure with its interval: "91.3% (88.1–93.8)"."""
    bounds = interval(figure)
    return formats.percent(figure.value) + (f" ({bounds})" if bounds else "")


def _environment(folders: Sequence[Path], autoescape: bool) -> jinja2.Environment:
    shared = Path(task_pages.__file__).parent
    environment = pages.environment([FOLDER, shared, *folders], autoescape)
    environment.filters |= {"estimate": estimate, "interval": interval, "link": link}
    return environment
