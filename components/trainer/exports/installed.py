"""Checks that the packages of export formats are installed, without importing them."""

import importlib.util
from collections.abc import Sequence

from components.trainer.exports import formats
from data import errors


def check(names: Sequence[str]) -> None:
    """Refuses formats that cannot be written here.

    Args:
      names: as of ExportConfig.

    Raises:
      errors.ConfigError: has one sentence for each format that cannot be written.
    """
    problems = []
    for name in names:
        needed = formats.REGISTRY[name]
        absent = [lib for lib in needed.libraries if importlib.util.find_spec(lib) is None]
        if absent:
            verb = "is" if len(absent) == 1 else "are"
            problems.append(
                f"--train.exports.formats {name}: {' and '.join(absent)} {verb} not installed;"
                f" install the extra [{needed.extra}], or leave {name} out."
            )
    if problems:
        raise errors.ConfigError(*problems)
