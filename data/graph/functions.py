"""Functions of large graphs: separate ones, and calls that TensorFlow runs as they are written."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # tf.config's options would reach other threads too


def separate(*signature: tf.TensorSpec) -> Callable[[Callable[..., Any]], Any]:
    """Returns a decorator that makes a function a graph of its own.

    It is traced, stored and loaded once for all callers. It is not inlined into theirs, where every branch costs a
    little, taken or not: a process prepares it when it is first called.
    """
    return tf.function(  # type: ignore[no-any-return]
        input_signature=signature,
        autograph=False,  # there is nothing to convert, and tracing is twice as fast
        experimental_attributes={"_noinline": True},
    )


@contextlib.contextmanager
def unoptimised_calls() -> Iterator[None]:
    """Calls that this thread traces inside the block, and in SavedModels of them, are not optimised by Grappler.

    It takes half of a function's first call in a process: 2 s of 4 for the decoders. Without it they take a tenth
    longer for an image.
    """
    current = context.context()
    before = current.function_call_options
    config = tf.compat.v1.ConfigProto.FromString(before.config_proto_serialized)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    current.function_call_options = context.FunctionCallOptions(before.executor_type, config)
    try:
        yield
    finally:
        current.function_call_options = before
