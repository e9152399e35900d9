"""ONNX, which computes as TensorFlow does."""

from pathlib import Path

import numpy as np

from components.trainer.exports.formats import export_format
from components.trainer.exports.formats.export_format import ExportFormat

# That of tf2onnx itself; runtimes of some years ago read it.
OPSET = 15


def converter(source: Path, path: Path, _: Path) -> tuple[str, list[str]]:
    """Returns the module that converts, and its arguments."""
    arguments = ["--saved-model", str(source), "--signature_def", "onnx", "--tag", "serve"]
    return "tf2onnx.convert", [*arguments, "--opset", str(OPSET), "--output", str(path)]


class Onnx:
    """An ``.onnx`` file."""

    BATCH = 16

    def __init__(self, path: Path) -> None:
        import onnxruntime  # an extra

        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def ask(self, pixels: np.ndarray) -> np.ndarray:
        """See :class:`~export_format.Runtime`; in batches."""
        starts = range(0, len(pixels), self.BATCH)
        batches = (np.asarray(pixels[start : start + self.BATCH]) for start in starts)
        outputs = [export_format.OUTPUT]
        answers = [self._session.run(outputs, {export_format.INPUT: rows}) for rows in batches]
        return np.concatenate([probabilities for (probabilities,) in answers])


FORMAT = ExportFormat(
    name="onnx",
    file_name="model.onnx",
    batch=None,
    dtype="uint8",
    converter=converter,
    load=Onnx,
    max_difference=0.001,
    min_agreement=0.99,
    libraries=("tf2onnx", "onnx", "onnxruntime"),
    extra="onnx",
)
