"""TensorFlow Lite's interpreter, from whichever package has it."""

from typing import Any


def interpreter(**options: Any) -> Any:
    """Returns an interpreter of a ``.tflite`` file.

    Newer TensorFlows have given it to LiteRT, a package of its own, and warn where they are still
    asked for it; 2.16 is all there is for Python 3.10.

    Args:
      **options: ``model_path`` or ``model_content``, ``num_threads``.
    """
    try:
        from ai_edge_litert import interpreter as lite_rt
    except ImportError:
        import tensorflow as tf

        return tf.lite.Interpreter(**options)
    return lite_rt.Interpreter(**options)
