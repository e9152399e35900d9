"""Separate functions of large graphs, which TensorFlow runs as they are written."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # tf.config's options would reach other threads too


def separate(*signature: tf.TensorSpec) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that makes a function a graph of its own, whose calls are those of :func:`unoptimised_calls`.

    It is traced, stored and loaded once for all callers. It is not inlined into theirs, where every branch costs a
    little, taken or not: a process prepares it when it is first called.
    """

    def decorate(python_function: Callable[..., Any]) -> Callable[..., Any]:
        graph = tf.function(
            python_function,
            input_signature=signature,
            autograph=False,  # there is nothing to convert, and tracing is twice as fast
            experimental_attributes={"_noinline": True},
        )

        @functools.wraps(python_function)
        def call(*inputs: tf.Tensor) -> Any:
            with unoptimised_calls():  # a process has few images for thousands of operations
                return graph(*inputs)

        return call

    return decorate


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
