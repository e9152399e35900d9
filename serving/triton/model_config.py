"""Writes Triton's config.pbtxt from the signatures of the served version.

All dimensions after the batch are left open, because two versions with different numbers of classes
are served together for a moment. The outputs are those of all signatures: the backend answers with
those of the requested signature.

Format: Triton's ``model_config.proto``.
"""

import json
from collections.abc import Mapping

from serving.gateway import bounds
from serving.versions import signatures

BACKEND = "savedmodel"
GENERATION = "generation"
CONTRACT_OUTPUT = "contract"
WARMUP_FOLDER = "warmup"
IMAGE_INPUT = "image_bytes"


def text(
    name: str,
    version: int,
    generation: int,
    offered: Mapping[str, signatures.Signature],
    limits: bounds.Limits,
    runtime: str,
    runtime_report: str,
) -> str:
    """Returns the text of a model's configuration.

    Args:
      name: the model's name.
      version: the version to serve.
      generation: the number of this configuration, to identify what is loaded.
      offered: the version's signatures by name, all with the same inputs.
      limits: the batch size and the number of workers.
      runtime: what runs the network, as in ``server.Settings``.
      runtime_report: a folder, relative to Triton's, where each worker writes what it has chosen.
    """
    outputs = {CONTRACT_OUTPUT: signatures.Tensor("TYPE_STRING", 0)}
    for _, signature in sorted(offered.items()):
        outputs.update(signature.outputs)
    inputs = next(iter(offered.values())).inputs
    parts = [
        f"name: {_quoted(name)}",
        f"backend: {_quoted(BACKEND)}",
        f"max_batch_size: {limits.max_batch}",
        *(_tensor("input", *item) for item in sorted(inputs.items())),
        *(_tensor("output", *item) for item in sorted(outputs.items())),
        f"version_policy {{ specific {{ versions: [ {version} ] }} }}",
        # No queue policy: with one, Triton does not prepare the next batch while one runs, and a
        # request that arrives between two batches then waits for half a second.
        "dynamic_batching { }",
        f"instance_group {{ kind: KIND_CPU count: {limits.workers} }}",
        _parameter(GENERATION, generation),
        _parameter("max_request_bytes", limits.max_request_bytes),
        _parameter("max_pixels", limits.max_pixels),
        _parameter("workers", limits.workers),
        _parameter("runtime", runtime),
        _parameter("runtime_report", runtime_report),
    ]
    if list(inputs) == [IMAGE_INPUT]:
        parts += [_warmup(IMAGE_INPUT, size) for size in sorted({1, limits.max_batch})]
    return "\n".join(parts) + "\n"


def _tensor(kind: str, name: str, tensor: signatures.Tensor) -> str:
    # Triton requires at least one dimension after the batch; a scalar gets one, and is reshaped.
    scalar = tensor.item_rank == 0
    dims = "1" if scalar else ", ".join(["-1"] * tensor.item_rank)
    reshape = " reshape { shape: [ ] }" if scalar else ""
    head = f"name: {_quoted(name)} data_type: {tensor.data_type} dims: [ {dims} ]"
    return f"{kind} {{ {head}{reshape} }}"


def _parameter(key: str, value: int | str) -> str:
    return f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(str(value))} }} }}"


def _warmup(name: str, batch: int) -> str:
    data = f"data_type: TYPE_STRING dims: [ 1 ] input_data_file: {_quoted(IMAGE_INPUT)}"
    inputs = f"inputs {{ key: {_quoted(name)} value {{ {data} }} }}"
    return f'model_warmup {{ name: "batch of {batch}" batch_size: {batch} {inputs} }}'


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
