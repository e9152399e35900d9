"""State of a phase on disk, from which a killed training resumes.

Each phase has one file: the model's variables with the states of its random generators, those of
the optimizer, the running metrics, the best weights so far and the counters. A new file replaces
the last one atomically.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pydantic

from data.files import atomic, read_arrays, read_back

_META = "meta"


@dataclass
class Position:
    """Progress of a phase.

    Attributes:
      epoch: number of the epoch under way, from 0; all lower ones are finished.
      step: number of its batches that are done.
      done: whether the phase is finished.
      metrics: name → value after each finished epoch.
      kept: number of the epoch whose weights are kept so far.
    """

    epoch: int = 0
    step: int = 0
    done: bool = False
    metrics: dict[str, list[float]] = field(default_factory=dict)
    kept: int = 0


class Checkpoint:
    """File of one phase.

    Args:
      path: of the file; None stores nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def save(self, position: Position, groups: dict[str, Sequence[Any]]) -> None:
        """Writes the state.

        Args:
          position: progress of the phase.
          groups: name → variables or arrays, in an order that the next process reproduces.
        """
        if self.path is None:
            return
        arrays = {
            f"{name}/{index}": np.asarray(value)
            for name, values in groups.items()
            for index, value in enumerate(values)
        }
        arrays[_META] = np.frombuffer(json.dumps(asdict(position)).encode(), np.uint8)
        # It holds hours of training and must survive a power failure.
        with (
            atomic.replacing(self.path, durable=True) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, **arrays)

    def load(self) -> tuple[Position, dict[str, list[np.ndarray]]] | None:
        """Reads the last saved state; None if there is none or it is damaged."""
        if self.path is None:
            return None
        try:
            return read_arrays.arrays(self.path, "checkpoint", _state)
        except read_back.AbsentError:
            return None
        except read_back.ReadError as error:
            logging.warning("%s The phase starts from its beginning.", error)
            return None


def _state(stored: Any) -> tuple[Position, dict[str, list[np.ndarray]]]:
    meta = stored[_META].tobytes()
    make = pydantic.TypeAdapter(Position).validate_python
    position = read_back.from_json(meta, "position of a training", make)
    groups: dict[str, list[np.ndarray]] = {}
    for name in stored.files:
        if name != _META:
            groups.setdefault(name.split("/")[0], []).append(stored[name])
    return position, groups


def restore(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Sets variables to the stored values.

    Raises:
      ValueError: their number or a shape differs from the stored ones.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
