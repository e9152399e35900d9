"""Answers ``serving_default`` with the network in ONNX Runtime; the rest of the SavedModel stays as it is.

The SavedModel has its stages as functions beside the signatures (``components/trainer/served_stages.py`` writes
them): pixels, and for plain images a quicker one, then the network, then the answer. Only the network is another
program here, so only it can differ. This file is copied next to model.py in Triton's folder.
Dimension letters: B batch, S side in pixels, F features.
"""

from typing import Any

import numpy as np
import onnx_file  # lies beside this file
import plain_image
import tensorflow as tf

SIGNATURE = "serving_default"
_PIXELS, _PLAIN_PIXELS, _KEEPS_COLOURS, _ANSWER = (
    "stage_pixels",
    "stage_plain_pixels",
    "stage_keeps_colours",
    "stage_answer",
)
_INPUT, _EMBEDDING, _OUTPUTS = "pixels", "embedding", "outputs"


class FastNetwork:
    """A version whose network runs in ONNX Runtime.

    Args:
      loaded: the SavedModel.
      content: of its ONNX file, checked by :mod:`onnx_file`.
      threads: of the network.

    Raises:
      onnx_file.UnusableError: ONNX Runtime is not installed or refuses the file, or the SavedModel has no
        stages.
    """

    def __init__(self, loaded: Any, content: bytes, threads: int) -> None:
        self.threads = threads
        stages = [
            _stage(loaded, name) for name in (_PIXELS, _PLAIN_PIXELS, _KEEPS_COLOURS, _ANSWER)
        ]
        self._pixels, self._plain_pixels, keeps, self._answer = stages
        self._plain = plain_image.PlainImages(lambda encoded: bool(keeps(tf.constant(encoded))))
        self._session = _session(content, threads)

    def run(self, encoded: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs of ``serving_default``.

        Args:
          encoded: B byte strings, an array of objects [B].
        """
        pixels, refused, sizes = self.pixels(encoded)
        embedding, outputs = self._session.run([_EMBEDDING, _OUTPUTS], {_INPUT: pixels})
        answer = self._answer(
            embedding=tf.constant(embedding),
            outputs=tf.constant(outputs),
            refused=tf.constant(refused),
            sizes=tf.constant(sizes),
        )
        return {name: value.numpy() for name, value in answer.items()}

    def embedding(self, encoded: np.ndarray) -> np.ndarray:
        """Returns the network's embedding float32 [B, F] of B byte strings."""
        found: np.ndarray = self._session.run([_EMBEDDING], {_INPUT: self.pixels(encoded)[0]})[0]
        return found

    def pixels(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns pixels uint8 [B, S, S, 3], refusals [B] and sizes int32 [B, 2], each by its graph."""
        plain = np.array([self._plain.is_plain(image) for image in encoded], bool)
        if plain.all():
            return self._of_plain(encoded)
        if not plain.any():
            return self._of_any(encoded)
        parts = (self._of_plain(encoded[plain]), self._of_any(encoded[~plain]))
        places = np.argsort(np.concatenate([np.flatnonzero(plain), np.flatnonzero(~plain)]))
        joined = [np.concatenate(part)[places] for part in zip(*parts, strict=True)]
        return joined[0], joined[1], joined[2]

    def _of_plain(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        try:
            found = self._plain_pixels(image_bytes=tf.constant(encoded))
        except tf.errors.OpError:  # one is damaged: the other graph says which
            return self._of_any(encoded)
        refused = np.full(len(encoded), b"", object)
        return found["pixels"].numpy(), refused, found["sizes"].numpy()

    def _of_any(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = self._pixels(image_bytes=tf.constant(encoded))
        return found["pixels"].numpy(), found["refused"].numpy(), found["sizes"].numpy()


def pixels_shape(loaded: Any) -> list[int | None]:
    """Returns the shape of a SavedModel's pixels, [None, S, S, 3]."""
    shape: list[int | None] = _stage(loaded, _PIXELS).structured_outputs[_INPUT].shape.as_list()
    return shape


def _stage(loaded: Any, name: str) -> Any:
    functions: Any = getattr(getattr(loaded, name, None), "concrete_functions", ())
    if len(functions) != 1:
        raise onnx_file.UnusableError(f"the SavedModel has no function {name}")
    return functions[0]


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
