"""Requests and answers of the Open Inference Protocol v2 with its binary tensor extension.

Source: github.com/kserve/open-inference-protocol, ``open_inference_rest.yaml``; Triton's
``extension_binary_data.md`` and ``extension_parameters.md``. Dimension letters: B batch.
"""

import json
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving import read_back

HEADER_LENGTH = "Inference-Header-Content-Length"
_TYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}


@dataclass(frozen=True)
class Answer:
    """A model's answer to a request.

    Attributes:
      version: the version that answered.
      outputs: the outputs by name, each [B, …]; strings are bytes in an array of objects.
    """

    version: str
    outputs: dict[str, np.ndarray]


def request(
    name: str, items: Sequence[bytes], outputs: Sequence[str], parameters: dict[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """Builds a request with one input of byte strings.

    Args:
      name: the input's name.
      items: the B values of the input.
      outputs: names of the outputs to return; empty: all.
      parameters: the request's parameters.

    Returns:
      The body and its headers.
    """
    binary = b"".join(struct.pack("<I", len(item)) + item for item in items)
    tensor = {
        "name": name,
        "shape": [len(items), 1],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(binary)},
    }
    head: dict[str, Any] = {
        "inputs": [tensor],
        "parameters": {**parameters, "binary_data_output": True},
    }
    if outputs:
        head["outputs"] = [
            {"name": output, "parameters": {"binary_data": True}} for output in outputs
        ]
    text = json.dumps(head).encode()
    return text + binary, {
        "Content-Type": "application/octet-stream",
        HEADER_LENGTH: str(len(text)),
    }


def answer(body: bytes, header_length: int) -> Answer:
    """Parses an answer.

    Args:
      body: JSON, followed by the binary outputs in the same order.
      header_length: the number of bytes that are JSON.

    Raises:
      KeyError, TypeError, ValueError, struct.error: it is malformed.
    """
    head = _head(body, header_length)
    outputs, start = {}, header_length
    for tensor in head["outputs"]:
        end = start + tensor["parameters"]["binary_data_size"]
        if end > len(body):
            raise ValueError("it is cut off")
        shape = tensor["shape"]
        values = _array(tensor["datatype"], body[start:end]).reshape(shape)
        # Triton returns one value per item as [B, 1].
        outputs[tensor["name"]] = values[:, 0] if shape[1:] == [1] else values
        start = end
    return Answer(str(head["model_version"]), outputs)


def value_count(body: bytes, header_length: int) -> int:
    """Counts the values of an answer from its shapes; arguments as of :func:`answer`."""
    return sum(math.prod(tensor["shape"]) for tensor in _head(body, header_length)["outputs"])


def _head(body: bytes, header_length: int) -> Any:
    return read_back.parse(body[:header_length])


def _array(datatype: str, content: bytes) -> np.ndarray:
    if datatype == "BYTES":
        return np.array([*strings(content)], object)
    return np.frombuffer(content, _TYPES[datatype])


def strings(content: bytes) -> Iterator[bytes]:
    """Yields the values of a binary tensor of byte strings, each preceded by its length."""
    position = 0
    while position < len(content):
        (length,) = struct.unpack_from("<I", content, position)
        position += 4 + length
        yield content[position - length : position]
