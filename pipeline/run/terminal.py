"""Prints sentences: on a terminal they wrap between words, in files and pipes each is one line.

A word that is longer than the terminal, such as a path, stays whole, so that it can be copied.
"""

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from data import errors

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

EXIT_INTERRUPTED = 130  # the convention of shells: 128 plus the number of the signal
_BULLET = "- "


def say(console: "Console", *lines: "str | Text", indent: int = 0) -> None:
    """Prints lines; what wraps is indented as far as its line, and past a bullet.

    Args:
      console: where to.
      *lines: without line breaks.
      indent: number of spaces before each.
    """
    from rich.text import Text

    for line in lines:
        text = line if isinstance(line, Text) else Text(line)
        # The line's own spaces and bullet lead it, too.
        lead = len(text.plain) - len(text.plain.lstrip(" "))
        lead += len(_BULLET) if text.plain[lead:].startswith(_BULLET) else 0
        head, text = text[:lead], text[lead:]
        parts = _wrapped(text, console.width - indent - lead) if console.is_terminal else [text]
        for number, part in enumerate(parts):
            before = head if number == 0 else Text(" " * lead)
            console.print(Text(" " * indent), before, part, sep="", soft_wrap=True)


def _wrapped(text: "Text", width: int) -> "list[Text]":
    """Breaks a line between words; Rich would also break the words that are too long."""
    from rich import cells

    breaks: list[int] = []
    used = 0
    for word in re.finditer(r"\S+\s*", text.plain):
        if used and used + cells.cell_len(word[0].rstrip()) > width:
            breaks.append(word.start())
            used = 0
        used += cells.cell_len(word[0])
    parts = list(text.divide(breaks))
    for part in parts:
        part.rstrip()
    return parts


def exit_code(run: Callable[[], int], interrupted: str = "Interrupted.") -> int:
    """Runs a command line; shows its error, and returns its exit code.

    Args:
      run: the command line; returns an exit code.
      interrupted: what is printed after Ctrl-C.
    """
    try:
        return run()
    except errors.PipelineError as error:
        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write(f"{interrupted}\n")
        return EXIT_INTERRUPTED


def show_error(error: errors.PipelineError) -> None:
    """Prints an error of a command line to stderr."""
    from rich.console import Console

    console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
    say(console, *error_text(error).splitlines())


def error_text(error: errors.PipelineError) -> str:
    """Formats an error for a command line."""
    label = "Error" if isinstance(error, errors.UserError) else "Failed"
    return f"{label}: {error}" if len(error.problems) == 1 else f"{label}:\n{error}"
