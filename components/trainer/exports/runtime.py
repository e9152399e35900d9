"""Runs an export in another process: a damaged file may crash the process that loads it.

Dimension letters: N images, S side in pixels, K classes.
"""

import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np

from components.trainer.exports import config as export_config
from components.trainer.exports import lite
from data import fresh_process
from data.files import read_arrays, read_back


class Runtime(Protocol):
    """Loaded model."""

    def ask(self, pixels: np.ndarray) -> np.ndarray:
        """Computes probabilities float32 [N, K] of pixels uint8 [N, S, S, 3] in 0–255."""


class TFLite:
    """Loaded ``.tflite`` file.

    Raises:
      ValueError: it is not such a file, or its input is not pixels.
    """

    def __init__(self, path: Path) -> None:
        self._interpreter = lite.interpreter(model_path=str(path))
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        scale, zero = self._input["quantization"]
        if self._input["dtype"] is not np.uint8 or (scale, zero) not in ((0.0, 0), (1.0, 0)):
            raise ValueError(
                f"the input is {self._input['dtype'].__name__} with scale {scale:g} and zero point"
                f" {zero}; it must be unscaled uint8"
            )

    def ask(self, pixels: np.ndarray) -> np.ndarray:
        """See :class:`Runtime`; image by image."""
        rows = []
        for image in pixels:
            self._interpreter.set_tensor(self._input["index"], image[None])
            self._interpreter.invoke()
            rows.append(self._interpreter.get_tensor(self._output["index"])[0].copy())
        return np.array(rows, np.float32).reshape(len(pixels), self._output["shape"][-1])


class Onnx:
    """Loaded ``.onnx`` file."""

    BATCH = 16

    def __init__(self, path: Path) -> None:
        import onnxruntime  # an extra

        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def ask(self, pixels: np.ndarray) -> np.ndarray:
        """See :class:`Runtime`; in batches."""
        starts = range(0, len(pixels), self.BATCH)
        batches = (np.asarray(pixels[start : start + self.BATCH]) for start in starts)
        outputs = [export_config.OUTPUT]
        answers = [self._session.run(outputs, {export_config.INPUT: rows}) for rows in batches]
        return np.concatenate([probabilities for (probabilities,) in answers])


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
    """Runs the file and writes its probabilities: the entry point of the process."""
    loaded: Runtime = Onnx(Path(path)) if name == "onnx" else TFLite(Path(path))
    pixels = read_arrays.array(request, "pixels")
    np.save(answer, loaded.ask(pixels), allow_pickle=False)
