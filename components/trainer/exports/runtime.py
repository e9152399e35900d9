"""Runs an export in another process: a damaged file may crash the process that loads it.

Dimension letters: N images, S side in pixels, K classes.
"""

import tempfile
from pathlib import Path

import numpy as np

from components.trainer.exports import formats
from data import fresh_process
from data.files import read_arrays, read_back


def ask(
    name: str, path: Path, pixels: np.ndarray, worker: fresh_process.Worker | None = None
) -> np.ndarray:
    """Computes the probabilities of a file in another process.

    Args:
      name: the format.
      path: the file.
      pixels: uint8 [N, S, S, 3] in 0–255.
      worker: the process; by default a new one.

    Returns:
      probabilities float32 [N, K].

    Raises:
      fresh_process.ProcessError: the file does not load, fails, or crashes the process.
    """
    with tempfile.TemporaryDirectory() as scratch:
        request, answer = Path(scratch) / "pixels.npy", Path(scratch) / "answer.npy"
        np.save(request, pixels, allow_pickle=False)
        arguments = [name, str(path), str(request), str(answer)]
        fresh_process.call(__name__, arguments, worker=worker)
        try:
            return np.array(read_arrays.array(answer, "answer of an export"))
        except read_back.ReadError as error:
            raise fresh_process.ProcessError(str(error)) from error


def main(name: str, path: str, request: str, answer: str) -> None:
    """What the process does."""
    loaded = formats.REGISTRY[name].load(Path(path))
    pixels = read_arrays.array(request, "pixels")
    np.save(answer, loaded.ask(pixels), allow_pickle=False)
