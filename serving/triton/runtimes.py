"""What may run a version's network, and what a worker has chosen: for the worker and for ``serve``.

This file is also copied next to model.py in Triton's folder, so it needs only the standard library.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

AUTO, TENSORFLOW, ONNX_RUNTIME = "auto", "tensorflow", "onnxruntime"
ALL = (AUTO, TENSORFLOW, ONNX_RUNTIME)
TITLES = {TENSORFLOW: "TensorFlow", ONNX_RUNTIME: "ONNX Runtime"}
TRIAL_BATCH = 8
_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class Choice:
    """What runs the network.

    Attributes:
      runtime: TENSORFLOW or ONNX_RUNTIME.
      threads: of ONNX Runtime; 0 for TensorFlow, which has its own.
      reason: why, in the middle of a sentence.
      is_failure: whether there is a network for ONNX Runtime that should work and does not: its answers are not
        those of the SavedModel, or its file is not the one that was written.
      largest_difference: in the self-test; 0 where none was made.
      trial_ms: the median time of a batch of TRIAL_BATCH images in each runtime, in milliseconds; empty without
        a trial.
    """

    runtime: str
    threads: int
    reason: str
    is_failure: bool = False
    largest_difference: float = 0.0
    trial_ms: dict[str, float] = field(default_factory=dict)

    def write(self, folder: str, name: str) -> None:
        """Writes it as ``<name>.json`` into a folder, whole or not at all."""
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{name}.json")
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        os.replace(f"{path}.new", path)

    def sentence(self, version: int) -> str:
        """Returns it in words, for the operator."""
        title = TITLES[self.runtime]
        if self.is_failure:
            return (
                f"Warning: the network of version {version} runs in {title}, not in"
                f" {TITLES[ONNX_RUNTIME]}: {self.reason}."
            )
        threads = f" with {self.threads} thread{'s' * (self.threads != 1)}" if self.threads else ""
        times = ", ".join(f"{TITLES[name]} {ms:g} ms" for name, ms in sorted(self.trial_ms.items()))
        trial = f" (a batch of {TRIAL_BATCH}: {times})" if times else ""
        return f"The network of version {version} runs in {title}{threads}: {self.reason}{trial}."


def read(folder: Path) -> Sequence[Choice]:
    """Reads what the workers of a version have chosen; leaves out what cannot be read."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob("*.json")):
            broken = (OSError, ValueError, TypeError, RecursionError)
            with contextlib.suppress(*broken), path.open("rb") as file:
                found.append(_choice(json.loads(file.read(_MAX_BYTES))))
    return found


def _choice(found: Any) -> Choice:
    choice = Choice(**found)
    if choice.runtime not in TITLES:
        raise ValueError(f"unknown runtime {choice.runtime!r}")
    return choice
