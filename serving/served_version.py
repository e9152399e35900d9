"""Tells which version of a model is served: the highest one that is whole.

    OUTPUT/serving/NAME/
      1764000000/      a version: saved_model.pb, variables/, assets/
      1764003600/      the highest whole one is served
      1764005400/      half written or damaged: passed over
      .withdrawn/
        1764007200/    taken back: no server sees it

Whole means that the signatures in ``saved_model.pb`` can be read and ``serving_default`` is one
of them. This is the only module of serving that the pipeline imports, so that it asks, compares
and reports the version that the server serves. It needs the standard library alone.
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
    """Returns the version that servers serve; None where there is none, or no such folder."""
    names = (path.name for path in numbered(model_dir).values())
    return choose(names, lambda name: signatures.read_file(model_dir / name))


def choose(names: Iterable[str], read: Callable[[str], bytes]) -> int | None:
    """Chooses the version that servers serve, on whatever storage the versions lie.

    Args:
      names: of the entries of the model's folder; others than versions are passed over.
      read: returns the content of an entry's ``saved_model.pb``, or raises ``OSError``.

    Returns:
      The number; None where no version is whole.
    """
    numbers = sorted(number for name in names if (number := number_of(name)) is not None)
    return next((one for one in reversed(numbers) if _parses(read, str(one))), None)


def is_whole(path: Path) -> bool:
    """Tells whether a version's SavedModel has been written and is not damaged."""
    return _parses(lambda name: signatures.read_file(path.parent / name), path.name)


def number_of(name: str) -> int | None:
    """Returns the number that a version's folder is named by; None: the name is no version's."""
    return int(name) if _NUMBER.fullmatch(name) else None


def numbered(folder: Path) -> dict[int, Path]:
    """Returns the folders of versions by number, whole or not; none where the folder is missing."""
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
