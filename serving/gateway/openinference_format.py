"""Validates infer requests of the Open Inference Protocol and rewrites them for Triton.

Triton's own parser answers many malformed requests with 500, reads duplicate keys differently from
other parsers, and crashes on a few requests (an empty batch; the most probable ones of strings). So a
request is parsed here, and only what was understood is forwarded, in the canonical form of
Triton's binary extension.

Source: github.com/kserve/open-inference-protocol, ``open_inference_rest.yaml``; Triton's
``extension_binary_data.md`` and ``extension_parameters.md``. Dimension letters: B batch.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.client import protocol
from serving.gateway import bounds, json_body

BASE64 = "base64"
_MAX_OUTPUTS = 64


@dataclass(frozen=True)
class Tensor:
    """The input of a request.

    Attributes:
      count: the number B of values.
      content: the values in Triton's binary form, each preceded by its length.
    """

    count: int
    content: bytes


def request(
    body: bytes, header_length: str | None, input_name: str, limits: bounds.Limits
) -> tuple[bytes, dict[str, str]]:
    """Parses a request and rewrites it.

    Args:
      body: JSON, followed by the binary input.
      header_length: the header with the number of JSON bytes; None: all; "0": the whole body is
        one value.
      input_name: the model's one input.
      limits: bounds B and the number of JSON values.

    Returns:
      The body and its headers. Images in base64 are decoded; invalid base64 becomes an empty string,
      which the model answers as not valid.

    Raises:
      json_body.MalformedError: it is malformed, or requests an unsupported feature.
    """
    length = _header_length(header_length, len(body))
    if length == 0:
        head: dict[str, Any] = {"parameters": {"binary_data_output": True}}
        tensor = Tensor(1, _content([body]))
    else:
        given = json_body.parse(body[:length], limits.max_json_values)
        head = _head(given)
        tensor = _tensor(given.get("inputs"), body[length:], input_name, limits.max_batch)
        if head["parameters"].pop("encoding", None) == BASE64:
            values = [_decoded(value) for value in protocol.strings(tensor.content)]
            tensor = Tensor(tensor.count, _content(values))
    head["inputs"] = [
        {
            "name": input_name,
            "shape": [tensor.count, 1],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(tensor.content)},
        }
    ]
    text = json.dumps(head).encode()
    return text + tensor.content, {
        "Content-Type": "application/octet-stream",
        protocol.HEADER_LENGTH: str(len(text)),
    }


def images(body: bytes, header_length: int) -> list[bytes]:
    """Returns the encoded images of a rewritten request.

    Args:
      body: as :func:`request` returns it.
      header_length: how many bytes of it are JSON.
    """
    return [*protocol.strings(body[header_length:])]


def _content(values: Sequence[bytes]) -> bytes:
    """Encodes strings in Triton's binary form, each preceded by its length."""
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def _decoded(value: bytes) -> bytes:
    try:
        return json_body.from_base64(value)
    except ValueError:
        return b""


def _header_length(given: str | None, largest: int) -> int:
    if given is None:
        return largest or 1
    if not (given.isascii() and given.isdecimal() and len(given) <= 10 and int(given) <= largest):
        raise json_body.MalformedError(
            f"{protocol.HEADER_LENGTH} is {given[:40]!r}; allowed is a number from 0 to {largest},"
            " the length of the body."
        )
    return int(given)


def _head(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the JSON to forward without the input; drops parameters unknown to the model."""
    parameters = _object(given.get("parameters", {}), "'parameters'")
    kept: dict[str, Any] = {
        key: json_body.name(parameters[key], f"The parameter {key!r}")
        for key in ("signature", "encoding")
        if key in parameters
    }
    if "binary_data_output" in parameters:
        kept["binary_data_output"] = _flag(parameters, "binary_data_output")
    head: dict[str, Any] = {"parameters": kept}
    if "id" in given:
        head["id"] = json_body.name(given["id"], "'id'")
    if "outputs" in given:
        head["outputs"] = _outputs(given["outputs"])
    return head


def _outputs(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or len(given) > _MAX_OUTPUTS:
        raise json_body.MalformedError(f"'outputs' is no list of at most {_MAX_OUTPUTS}.")
    wanted: dict[str, dict[str, Any]] = {}
    for one in given:
        output = _object(one, "An output")
        name = json_body.name(output.get("name"), "The name of an output")
        parameters = _object(output.get("parameters", {}), f"'parameters' of {name!r}")
        _refuse_others(parameters, {"binary_data"}, f"the output {name!r}")
        binary = {"binary_data": _flag(parameters, "binary_data")} if parameters else {}
        wanted[name] = {"name": name, "parameters": binary}
    return list(wanted.values())


def _tensor(given: Any, binary: bytes, input_name: str, max_batch: int) -> Tensor:
    if not isinstance(given, list) or len(given) != 1:
        raise json_body.MalformedError(f"'inputs' is no list of the one input {input_name!r}.")
    tensor = _object(given[0], "An input")
    for field, needed in (("name", input_name), ("datatype", "BYTES")):
        if tensor.get(field) != needed:
            raise json_body.MalformedError(f"The {field} of the input must be {needed!r}.")
    shape = tensor.get("shape")
    if not (isinstance(shape, list) and len(shape) == 2 and shape[1:] == [1]):
        raise json_body.MalformedError("The shape of the input must be [B, 1].")
    count = shape[0]
    if type(count) is not int or not 1 <= count <= max_batch:
        raise json_body.MalformedError(f"B in the shape [B, 1] must be 1 to {max_batch}.")
    parameters = _object(tensor.get("parameters", {}), "'parameters' of the input")
    _refuse_others(parameters, {"binary_data_size"}, "the input")
    if ("data" in tensor) == ("binary_data_size" in parameters):
        raise json_body.MalformedError("The input must have either 'data' or 'binary_data_size'.")
    if "data" in tensor:
        values = _strings(tensor["data"])
        content, found = _content(values), len(values)
    else:
        content, found = binary, _count(binary)
    if len(binary) != parameters.get("binary_data_size", 0):
        raise json_body.MalformedError(
            f"After the JSON come {len(binary)} bytes, which does not match 'binary_data_size'."
        )
    if found != count:
        raise json_body.MalformedError(f"The shape is [{count}, 1]; there are {found} values.")
    return Tensor(count, content)


def _count(content: bytes) -> int:
    """Counts the strings, each preceded by its length, in binary content."""
    position = count = 0
    while position < len(content):
        if position + 4 > len(content):
            raise json_body.MalformedError("The binary input ends within a length.")
        position += 4 + int.from_bytes(content[position : position + 4], "little")
        count += 1
    if position != len(content):
        raise json_body.MalformedError("The binary input ends within a value.")
    return count


def _strings(given: Any) -> list[bytes]:
    """Returns the strings of nested lists in order."""
    found: list[bytes] = []
    waiting = [given] if isinstance(given, list) else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, str):
            found.append(value.encode("utf-8", "surrogatepass"))
        else:
            raise json_body.MalformedError("A value in 'data' is no string.")
    return found


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise json_body.MalformedError(f"{where} is no JSON object.")
    return value


def _flag(parameters: dict[str, Any], key: str) -> bool:
    value = parameters[key]
    if not isinstance(value, bool):
        raise json_body.MalformedError(f"The parameter {key!r} is neither true nor false.")
    return value


def _refuse_others(parameters: dict[str, Any], offered: set[str], where: str) -> None:
    """Refuses unsupported parameters that change the meaning, such as shared memory."""
    others = ", ".join(sorted(parameters.keys() - offered))
    if others:
        raise json_body.MalformedError(
            f"The parameters of {where} are {others[:200]}; offered is {', '.join(offered)}."
        )
