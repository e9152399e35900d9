"""What the formats of TensorFlow Lite share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.trainer.exports import tflite_interpreter
from components.trainer.exports.formats.export_format import ExportFormat


@dataclass(frozen=True, kw_only=True)
class TFLiteFormat(ExportFormat):
    """A format of TensorFlow Lite.

    Attributes:
      prepare: sets a ``tf.lite.TFLiteConverter`` up; the second argument is the pixels to calibrate
        on, uint8 [N, S, S, 3], or None if it is not calibrated.
    """

    prepare: Callable[[Any, np.ndarray | None], None]


def make(
    name: str,
    file_name: str,
    prepare: Callable[[Any, np.ndarray | None], None],
    max_difference: float,
    min_agreement: float,
    dtype: str = "uint8",
    is_calibrated: bool = False,
) -> TFLiteFormat:
    """Makes a format; for the arguments see :class:`TFLiteFormat`."""

    def converter(source: Path, path: Path, pixels: Path) -> tuple[str, list[str]]:
        more = [str(pixels)] if is_calibrated else []
        return "components.trainer.exports.tflite_converter", [str(source), name, str(path), *more]

    return TFLiteFormat(
        name=name,
        file_name=file_name,
        batch=1,  # a file for phones: with a fixed shape, more of it is fast
        dtype=dtype,
        converter=converter,
        load=TFLite,
        max_difference=max_difference,
        min_agreement=min_agreement,
        is_calibrated=is_calibrated,
        prepare=prepare,
    )


class TFLite:
    """A ``.tflite`` file.

    Raises:
      ValueError: it is no such file, or takes something else than pixels.
    """

    def __init__(self, path: Path) -> None:
        self._interpreter = tflite_interpreter.interpreter(model_path=str(path))
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
