"""Classifies errors of steps: transient, a full disk, or permanent.

Errors are wrapped: Beam makes a RuntimeError from the text of a traceback, TFX raises its own
while it handles another. So the whole chain is examined, with its texts. Imports no TFX.
"""

import builtins
import enum
import errno
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from data import errors

NO_SPACE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_SPACE_WORDS = re.compile(
    r"no space left on device|disk quota exceeded|database or disk is full"
    r"|\d+ requested and \d+ written",  # numpy's message
    re.IGNORECASE,
)
# Errors of the operating system that a retry would meet again.
PERMANENT_ERRNOS = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.EINVAL,
        errno.ENAMETOOLONG,
        errno.EXDEV,
        errno.ELOOP,
    }
)
# Class names, for gRPC, TensorFlow, ML Metadata and Google's client libraries name alike.
TRANSIENT_NAMES = frozenset(
    {
        "AbortedError",
        "BrokenProcessPool",
        "DeadlineExceeded",
        "DeadlineExceededError",
        "GatewayTimeout",
        "IncompleteRead",
        "ServiceUnavailable",
        "TooManyRequests",
        "UnavailableError",
        "gaierror",
    }
)
PERMANENT_NAMES = frozenset({"UnidentifiedImageError", "DecompressionBombError"})
TRANSIENT_WORDS = re.compile(
    r"database is locked|StatusCode\.(UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED)"
    r"|socket closed|connection (reset|refused|aborted)|broken pipe"
    r"|worker[^.\n]{0,60}\b(died|was killed|exited)|stale file handle",
    re.IGNORECASE,
)
# The last line of a traceback: "OSError: [Errno 5] …", with or without its module.
_TRACEBACK_END = re.compile(r"^(?:[\w.]+\.)?([A-Za-z_]\w*)(?:: |$)")


class Kind(enum.Enum):
    """The kind of an error, which decides what to do about it."""

    TRANSIENT = "transient"  # try again
    NO_SPACE = "no space"  # report it; the same command continues when there is space
    PERMANENT = "permanent"  # a retry would fail again


class NoSpaceError(errors.PipelineError):
    """A disk is full."""


def kind(error: BaseException) -> Kind:
    """Classifies an error together with its causes.

    A full disk anywhere in the chain has priority, then an error for the user. Of the others, the
    first that is known as transient or permanent decides; an unknown error is permanent.
    """
    chain = list(_chain(error))
    if any(_is_no_space(one) for one in chain):
        return Kind.NO_SPACE
    if any(isinstance(one, errors.PipelineError) for one in chain):
        return Kind.PERMANENT
    return next((found for one in chain if (found := _kind_of_one(one))), Kind.PERMANENT)


def no_space(error: BaseException, output: Path) -> NoSpaceError:
    """Returns the message about a full disk.

    Args:
      error: of the kind NO_SPACE.
      output: the output folder; its disk is named unless the error or the free space indicate
        another.
    """
    named = [
        Path(one.filename).parent
        for one in _chain(error)
        if isinstance(one, OSError) and isinstance(one.filename, str)
    ]
    named = [folder for folder in named if folder.is_dir()]
    folders = named or [output, Path(tempfile.gettempdir())]
    free = {folder: shutil.disk_usage(folder).free for folder in folders}
    full = min(free, key=lambda folder: free[folder])
    return NoSpaceError(
        f"The disk of {full} is full: {free[full]:,} bytes are free now, after the unfinished output"
        " of the step was deleted. Free some space and repeat the command: it continues after the"
        " last finished step."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Returns an error and its causes and contexts, outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]


def _is_no_space(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in NO_SPACE_ERRNOS:
        return True
    return bool(NO_SPACE_WORDS.search(str(error)))


def _kind_of_one(error: BaseException) -> Kind | None:
    names = {base.__name__ for base in type(error).__mro__}
    if names & PERMANENT_NAMES:
        return Kind.PERMANENT
    if isinstance(error, OSError):
        return Kind.PERMANENT if error.errno in PERMANENT_ERRNOS else Kind.TRANSIENT
    if names & TRANSIENT_NAMES or TRANSIENT_WORDS.search(str(error)):
        return Kind.TRANSIENT
    if isinstance(error, RuntimeError):
        return _kind_of_text(str(error))
    return Kind.PERMANENT if type(error).__module__ == "builtins" else None


def _kind_of_text(text: str) -> Kind | None:
    """Classifies an error given as the text of a traceback by the class named at its end."""
    for line in reversed(text.splitlines()):
        match = _TRACEBACK_END.match(line)
        if not match:
            continue
        found = getattr(builtins, match[1], None)
        if match[1] in TRANSIENT_NAMES:
            return Kind.TRANSIENT
        if isinstance(found, type) and issubclass(found, OSError):
            code = re.search(r"\[Errno (\d+)\]", line)
            permanent = code is not None and int(code[1]) in PERMANENT_ERRNOS
            refused = issubclass(found, PermissionError | FileExistsError | IsADirectoryError)
            return Kind.PERMANENT if permanent or refused else Kind.TRANSIENT
        if isinstance(found, type) and issubclass(found, Exception):
            return Kind.PERMANENT
    return None


def one_line(error: BaseException) -> str:
    """Returns the class of an error and the most informative line of its message."""
    lines = [line for line in str(error).splitlines() if line.strip()] or ["no message"]
    # "in user code:" and the like announce a traceback; the cause then stands at its end.
    line = lines[-1] if lines[0].endswith(":") else lines[0]
    return f"{type(error).__name__}: {line.strip()}"
