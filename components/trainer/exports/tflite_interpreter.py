"""Finds TensorFlow Lite's interpreter in the installed packages."""

from typing import Any


def interpreter(**options: Any) -> Any:
    """Returns an interpreter of a ``.tflite`` file.

    Newer versions of TensorFlow warn that it has moved to LiteRT, a separate package; for Python
    3.10, TensorFlow 2.16 is the only source.

    Args:
      **options: ``model_path`` or ``model_content``, ``num_threads``.
    """
    try:
        from ai_edge_litert import interpreter as lite_rt
    except ImportError:
        import tensorflow as tf

        return tf.lite.Interpreter(**options)
    return lite_rt.Interpreter(**options)
