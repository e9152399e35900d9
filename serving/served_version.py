"""Selects the served version of a model: the highest complete one.

    OUTPUT/serving/NAME/
      1764000000/      a version: saved_model.pb, variables/, assets/
      1764003600/      the highest complete one is served
      1764005400/      incomplete or damaged: ignored
      .withdrawn/
        1764007200/    withdrawn: servers ignore it

Complete means that the signatures in ``saved_model.pb`` can be read and include
``serving_default``. This is the only module of serving that the pipeline imports, so that it runs,
compares and reports the version that the server serves. It needs only the standard library.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from serving.versions import signatures

SAVED_MODEL_FILE = signatures.SAVED_MODEL_FILE
MOST_BYTES = signatures.MOST_BYTES
WITHDRAWN = ".withdrawn"
_NUMBER = re.compile("[1-9][0-9]*")


def served(model_dir: Path) -> int | None:
    """Returns the served version; None if there is none, or no such folder."""
    names = (path.name for path in numbered(model_dir).values())
    return choose(names, lambda name: signatures.read_file(model_dir / name))


def choose(names: Iterable[str], read: Callable[[str], bytes]) -> int | None:
    """Selects the served version, on any storage system.

    Args:
      names: the entries of the model's folder; those that are not versions are ignored.
      read: returns the content of an entry's ``saved_model.pb``, or raises ``OSError``.

    Returns:
      The number; None if no version is complete.
    """
    numbers = sorted(number for name in names if (number := number_of(name)) is not None)
    return next((one for one in reversed(numbers) if _parses(read, str(one))), None)


def is_whole(path: Path) -> bool:
    """Returns whether a version's SavedModel is complete and not damaged."""
    return _parses(lambda name: signatures.read_file(path.parent / name), path.name)


def number_of(name: str) -> int | None:
    """Returns the number of a version's folder; None if the name is not a version's."""
    return int(name) if _NUMBER.fullmatch(name) else None


def numbered(folder: Path) -> dict[int, Path]:
    """Returns the folders of versions by number, complete or not; empty if there is no folder."""
    if not folder.is_dir():
        return {}
    return {
        number: path
        for path in folder.iterdir()
        if (number := number_of(path.name)) is not None and path.is_dir()
    }


def _parses(read: Callable[[str], bytes], name: str) -> bool:
    try:
        return signatures.DEFAULT in signatures.parse(read(name))
    except (OSError, ValueError):
        return False
