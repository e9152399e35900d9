"""Answers ``serving_default`` with the network in ONNX Runtime; the rest of the SavedModel stays as it is.

The SavedModel has its stages as functions beside the signatures (``components/trainer/served_stages.py`` writes
them): pixels, see image_pixels.py, then the network, then the answer. Only the network is another program here, so
only it can differ. This file is copied next to model.py in Triton's folder.
Dimension letters: B batch, S side in pixels, F features.
"""

from typing import Any

import image_pixels  # lies beside this file, as does the next
import numpy as np
import onnx_file
import tensorflow as tf

SIGNATURE = "serving_default"
_ANSWER = "stage_answer"
_INPUT, _EMBEDDING, _OUTPUTS = "pixels", "embedding", "outputs"


class FastNetwork:
    """A version whose network runs in ONNX Runtime.

    Args:
      loaded: the SavedModel.
      content: of its ONNX file, checked by :mod:`onnx_file`.
      threads: of the network.

    Attributes:
      images: makes its pixels.

    Raises:
      onnx_file.UnusableError: ONNX Runtime is not installed or refuses the file, or the SavedModel has no
        stages.
    """

    def __init__(self, loaded: Any, content: bytes, threads: int) -> None:
        self.threads = threads
        self.images = image_pixels.ImagePixels(loaded, threads)
        self._answer = image_pixels.stage(loaded, _ANSWER)
        self._session = _session(content, threads)

    def run(self, encoded: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs of ``serving_default``.

        Args:
          encoded: B byte strings, an array of objects [B].
        """
        pixels, refused, sizes = self.images.of(encoded)
        return self.answer(*self.network(pixels), refused, sizes)

    def network(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns embedding float32 [B, F] and outputs float32 [B, …] of pixels uint8 [B, S, S, 3]."""
        embedding, outputs = self._session.run([_EMBEDDING, _OUTPUTS], {_INPUT: pixels})
        return embedding, outputs

    def answer(
        self, embedding: np.ndarray, outputs: np.ndarray, refused: np.ndarray, sizes: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of ``serving_default`` for those of the network.

        Args:
          embedding: float32 [B, F].
          outputs: float32 [B, …].
          refused: byte strings [B], why an image is refused, or empty.
          sizes: int32 [B, 2], of the images.
        """
        answer = self._answer(
            embedding=tf.constant(embedding),
            outputs=tf.constant(outputs),
            refused=tf.constant(refused),
            sizes=tf.constant(sizes),
        )
        return {name: value.numpy() for name, value in answer.items()}

    def embedding(self, encoded: np.ndarray) -> np.ndarray:
        """Returns the network's embedding float32 [B, F] of B byte strings."""
        found: np.ndarray = self._session.run([_EMBEDDING], {_INPUT: self.images.of(encoded)[0]})[0]
        return found


def _session(content: bytes, threads: int) -> Any:
    """Returns a session of ONNX Runtime.

    Raises:
      onnx_file.UnusableError: it is not installed, or refuses the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise onnx_file.UnusableError("ONNX Runtime is not installed") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin between two batches would take the processors from decoding and from the gateway.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the classes of its errors are private
        message = " ".join(str(error).split())[:200]
        message = f"ONNX Runtime refuses the network: {message}"
        raise onnx_file.UnusableError(message, is_failure=True) from error
    inputs = [one.name for one in session.get_inputs()]
    outputs = {one.name for one in session.get_outputs()}
    if inputs != [_INPUT] or not {_EMBEDDING, _OUTPUTS} <= outputs:
        raise onnx_file.UnusableError(
            f"the network has the inputs {inputs} and the outputs {sorted(outputs)}; {_INPUT}, {_EMBEDDING}"
            f" and {_OUTPUTS} are needed",
            is_failure=True,
        )
    return session
