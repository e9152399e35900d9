"""Runs a frozen part of a network on the fastest engine of this machine.

On a CPU, TensorFlow Lite's XNNPACK kernels run depthwise-separable networks about twice as fast
as TensorFlow's own, in float32 and equal to about 1e-5. TensorFlow runs networks that do not
convert, and everything on a GPU.

Dimension letters: B batch.
"""

import logging
import os
import queue
from collections.abc import Callable
from concurrent import futures

import keras
import numpy as np
import tensorflow as tf

from components.trainer import devices
from components.trainer.exports import tflite_interpreter

# Small enough for a core's cache: 8 images ran 1.1 times as fast as 32. Always as many: with a batch of
# any size XNNPACK takes no operation behind a reshape, and maps of 320 px came at a third of the speed.
LITE_BATCH = 8
# Converting takes about two seconds, which pays off from this many rows on.
LITE_MIN_ROWS = 400

Run = Callable[[np.ndarray], np.ndarray]


def compile_for(part: keras.Model, rows: int, dtype: tf.DType) -> Run:
    """Makes the function that computes features.

    Args:
      part: a model of one input and one output, from module ``cut``.
      rows: approximate number of rows to compute, in all.
      dtype: type of the input rows: tf.uint8 for pixels, else tf.float32.

    Returns:
      A function from an array [B, …] of that type to a float32 array [B, …], for any B.
    """
    if not devices.gpus() and rows >= LITE_MIN_ROWS:
        try:
            return _lite(part, dtype)
        except Exception:
            # TensorFlow runs what the converter cannot convert: slower, but as exact.
            logging.warning("TensorFlow Lite cannot run %s.", part.name, exc_info=True)
    run = _function(part, dtype, None)
    return lambda rows: run(tf.constant(rows)).numpy()


def _function(
    part: keras.Model, dtype: tf.DType, batch: int | None
) -> tf.types.experimental.GenericFunction:
    shape = [batch, *part.input.shape[1:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="rows")], autograph=False)
    def run(rows: tf.Tensor) -> tf.Tensor:
        return tf.cast(part(tf.cast(rows, tf.float32), training=False), tf.float32)

    return run  # type: ignore[no-any-return]


def _lite(part: keras.Model, dtype: tf.DType) -> Run:
    function = _function(part, dtype, LITE_BATCH).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    # One interpreter of one thread for each core: the threads of a single interpreter wait for
    # each other after every operation, which made it ten times slower on a busy machine.
    workers = os.cpu_count() or 1
    idle: queue.SimpleQueue[_Interpreter] = queue.SimpleQueue()
    for _ in range(workers):
        idle.put(_Interpreter(content))
    pool = futures.ThreadPoolExecutor(workers)

    def one(rows: np.ndarray) -> np.ndarray:
        interpreter = idle.get()
        try:
            return interpreter.run(rows)
        finally:
            idle.put(interpreter)

    def lite(rows: np.ndarray) -> np.ndarray:
        starts = range(0, len(rows), LITE_BATCH)
        parts = pool.map(one, [rows[start : start + LITE_BATCH] for start in starts])
        return np.concatenate(list(parts))

    lite(np.zeros((1, *part.input.shape[1:]), dtype.as_numpy_dtype))
    return lite


class _Interpreter:
    """TensorFlow Lite interpreter of one batch at most; for one thread at a time."""

    def __init__(self, content: bytes) -> None:
        self._interpreter = tflite_interpreter.interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        self._taken = self._interpreter.get_input_details()[0]["index"]
        self._given = self._interpreter.get_output_details()[0]["index"]

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Computes up to LITE_BATCH rows."""
        missing = LITE_BATCH - len(rows)
        padded = np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1)) if missing else rows
        self._interpreter.set_tensor(self._taken, padded)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._given)[: len(rows)]  # type: ignore[no-any-return]
