"""What the formats of TensorFlow Lite share."""

from pathlib import Path

import numpy as np

from components.trainer.exports import lite


def converter(name: str, source: Path, path: Path, *more: str) -> tuple[str, list[str]]:
    """Returns the module that converts, and its arguments."""
    return "components.trainer.exports.tflite", [str(source), name, str(path), *more]


class TFLite:
    """A ``.tflite`` file.

    Raises:
      ValueError: it is no such file, or takes something else than pixels.
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
                f" {zero}; it must be uint8 as it is"
            )

    def ask(self, pixels: np.ndarray) -> np.ndarray:
        """See :class:`~export_format.Runtime`; image by image."""
        rows = []
        for image in pixels:
            self._interpreter.set_tensor(self._input["index"], image[None])
            self._interpreter.invoke()
            rows.append(self._interpreter.get_tensor(self._output["index"])[0].copy())
        return np.array(rows, np.float32).reshape(len(pixels), self._output["shape"][-1])
