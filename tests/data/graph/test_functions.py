"""Which functions are separate, and which calls run as they are written."""

from concurrent import futures

import tensorflow as tf

from data.graph import decoding, functions


@tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
def _inner(value: tf.Tensor) -> tf.Tensor:
    return value + 1.0


def _outer() -> tf.Graph:
    outer = tf.function(_inner, input_signature=[tf.TensorSpec([], tf.float32)])
    return outer.get_concrete_function().graph


def _is_written(call: tf.compat.v1.NodeDef) -> bool:
    config = tf.compat.v1.ConfigProto.FromString(call.attr["config_proto"].s)
    return config.graph_options.rewrite_options.disable_meta_optimizer


def _calls(graph: tf.Graph) -> dict[str, bool]:
    """Name of each function that is called → whether it runs as it is written."""
    content = graph.as_graph_def()
    nodes = [*content.node, *(node for one in content.library.function for node in one.node_def)]
    return {
        node.attr["f"].func.name: _is_written(node)
        for node in nodes
        if node.op.endswith("PartitionedCall")
    }


def test_calls_are_as_written_inside_the_block_and_in_its_thread_alone() -> None:
    assert set(_calls(_outer()).values()) == {False}
    with functions.unoptimised_calls(), futures.ThreadPoolExecutor(1) as other:
        inside, beside = _outer(), other.submit(_outer).result()
    assert set(_calls(inside).values()) == {True}
    assert set(_calls(beside).values()) == {False}
    assert set(_calls(_outer()).values()) == {False}


def test_each_decoder_runs_as_it_is_written() -> None:
    graph = decoding.batch_reader(32, "stretch").get_concrete_function().graph
    library = graph.as_graph_def().library.function
    separate = {one.signature.name for one in library if one.attr["_noinline"].b}
    assert len(separate) == 7  # four formats, all others, the colour profile and its conversion
    assert {name for name, written in _calls(graph).items() if written} == separate
