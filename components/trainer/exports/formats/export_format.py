"""Everything the pipeline knows of an export format. Imports no TensorFlow: the command line reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

# What goes into a file of any format, and what comes out of it, are called so.
INPUT, OUTPUT = "pixels", "probabilities"


class Runtime(Protocol):
    """A loaded model."""

    def ask(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels uint8 [N, S, S, 3] in 0–255 → probabilities float32 [N, K]."""


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    Attributes:
      name: as in the settings, and of its signature in the frozen SavedModel.
      file_name: in the folder of the exports.
      batch: how many images its file takes at once; None: any number.
      dtype: of the pixels in the signature that is converted; its own input is uint8 all the same.
      converter: the frozen SavedModel, the file to write and a file of pixels → the module that
        converts in a process of its own, and its arguments.
      load: its file → a runtime, in a process that may die.
      max_difference: of a probability, allowed by default.
      min_agreement: the share of images with the same label, needed by default.
      is_calibrated: whether the converter needs training images.
      libraries: what must be installed besides TensorFlow.
      extra: that brings them.
    """

    name: str
    file_name: str
    batch: int | None
    dtype: str
    converter: Callable[[Path, Path, Path], tuple[str, list[str]]]
    load: Callable[[Path], Runtime]
    max_difference: float
    min_agreement: float
    is_calibrated: bool = False
    libraries: tuple[str, ...] = ()
    extra: str = ""
