"""The state of a phase on disk, so that a killed training goes on where it was.

One file a phase: the model's variables with the states of its random generators, the optimizer's,
the running metrics, the best weights so far and the counters. It replaces the last one whole.
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
    """How far a phase has come.

    Attributes:
      epoch: the epoch under way, from 0; finished ones lie below it.
      step: batches of it that are done.
      done: whether the phase is over.
      metrics: name → its value after each finished epoch.
    """

    epoch: int = 0
    step: int = 0
    done: bool = False
    metrics: dict[str, list[float]] = field(default_factory=dict)


class Checkpoint:
    """The file of one phase.

    Args:
      path: where it lies; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def save(self, position: Position, groups: dict[str, Sequence[Any]]) -> None:
        """Writes the state.

        Args:
          position: how far the phase has come.
          groups: name → variables or arrays, in an order that the next process has too.
        """
        if self.path is None:
            return
        arrays = {
            f"{name}/{index}": np.asarray(value)
            for name, values in groups.items()
            for index, value in enumerate(values)
        }
        arrays[_META] = np.frombuffer(json.dumps(asdict(position)).encode(), np.uint8)
        # Hours of training: it must outlast a power failure.
        with (
            atomic.replacing(self.path, durable=True) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, **arrays)

    def load(self) -> tuple[Position, dict[str, list[np.ndarray]]] | None:
        """Reads what was saved last; None where there is nothing, or nothing whole."""
        if self.path is None:
            return None
        try:
            return read_arrays.arrays(self.path, "checkpoint", _state)
        except read_back.AbsentError:
            return None
        except read_back.ReadError as error:
            logging.warning("%s Its phase starts anew.", error)
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
    """Sets variables to what was stored.

    Raises:
      ValueError: they are others than were stored.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
