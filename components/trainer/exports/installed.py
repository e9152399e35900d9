"""Checks that the packages of export formats are installed, without importing them."""

import importlib.util
from collections.abc import Sequence

from data import errors

# Packages that come with TensorFlow are not listed.
LIBRARIES = {"onnx": ("tf2onnx", "onnx", "onnxruntime")}
EXTRA = "onnx"


def check(formats: Sequence[str]) -> None:
    """Refuses formats that cannot be written here.

    Args:
      formats: names as in ExportConfig.

    Raises:
      errors.ConfigError: has one sentence for each format that cannot be written.
    """
    problems = []
    for name in formats:
        absent = [lib for lib in LIBRARIES.get(name, ()) if importlib.util.find_spec(lib) is None]
        if absent:
            verb = "is" if len(absent) == 1 else "are"
            problems.append(
                f"--train.exports.formats {name}: {' and '.join(absent)} {verb} not installed;"
                f" install the extra [{EXTRA}], or leave {name} out."
            )
    if problems:
        raise errors.ConfigError(*problems)
