"""The formats of TensorFlow Serving's REST API: requests, responses and errors.

Source: tensorflow.org/tfx/serving/api_rest. Byte strings are objects {"b64": …}; always so for
tensors whose name ends in ``_bytes``. Dimension letters: B batch.
"""

import base64
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.gateway import json_body
from serving.triton import failures
from serving.versions import signatures

# How many numbers are encoded as JSON at once; other threads wait meanwhile.
_MAX_AT_ONCE = 8192
_STATES = {"READY": "AVAILABLE", "LOADING": "LOADING", "UNLOADING": "UNLOADING"}
_TYPES = {"TYPE_STRING": "DT_STRING", "TYPE_FP32": "DT_FLOAT", "TYPE_FP64": "DT_DOUBLE"}


@dataclass(frozen=True)
class Predict:
    """A request to predict.

    Attributes:
      signature: the signature's name.
      items: B byte strings.
      row: true for the row format (``instances``), false for the column format (``inputs``).
    """

    signature: str
    items: list[bytes]
    row: bool


def parse(body: bytes, input_name: str, max_instances: int, max_values: int) -> Predict:
    """Parses the body of a ``:predict``.

    Args:
      body: JSON.
      input_name: the one input of the model's signatures.
      max_instances: the maximum B.
      max_values: the maximum number of JSON values.

    Raises:
      json_body.MalformedError: it is malformed.
    """
    given = json_body.parse(body, max_values)
    signature = json_body.name(given.get("signature_name", signatures.DEFAULT), "'signature_name'")
    if ("instances" in given) == ("inputs" in given):
        raise json_body.MalformedError("The request must have either 'instances' or 'inputs'.")
    row = "instances" in given
    values = given["instances" if row else "inputs"]
    if not row and isinstance(values, dict) and "b64" not in values:
        values = _named(values, input_name)
    if not isinstance(values, list):
        values = [] if row else [values]
    if not values:
        raise json_body.MalformedError(
            "There is no instance; 'instances' is a list of at least one."
        )
    if len(values) > max_instances:
        raise json_body.MalformedError(
            f"There are {len(values)} instances; allowed are {max_instances}."
        )
    return Predict(signature, [_item(value, input_name) for value in values], row)


def _item(value: Any, input_name: str) -> bytes:
    if isinstance(value, list) and len(value) == 1:  # as of shape [B, 1]
        value = value[0]
    if isinstance(value, dict) and "b64" not in value:
        value = _named(value, input_name)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return json_body.from_base64(value["b64"])
        except ValueError as error:
            raise json_body.MalformedError("A value of 'b64' is not base64 encoded.") from error
    raise json_body.MalformedError(
        f"An instance must be {{'{input_name}': {{'b64': …}}}} or {{'b64': …}}."
    )


def _named(values: dict[str, Any], input_name: str) -> Any:
    if set(values) != {input_name}:
        names = ", ".join(sorted(map(str, values)))
        raise json_body.MalformedError(f"The inputs are {names or 'none'}; needed: {input_name}.")
    return values[input_name]


def pieces(outputs: Mapping[str, np.ndarray], row: bool) -> Iterator[bytes]:
    """Yields the response of ``:predict`` in parts, since it may have millions of values.

    Args:
      outputs: the outputs by name, each [B, …].
      row: whether to use the row format, not the column format.

    Yields:
      JSON; each part has at most 8,192 numbers, or a single row of the last dimension.
    """
    arrays = dict(sorted(outputs.items()))
    if row:
        count = len(next(iter(arrays.values())))
        yield from _joined(b'{"predictions": [', (_row(arrays, at) for at in range(count)), b"]}")
        return
    yield b'{"outputs": '
    yield from _object(arrays)
    yield b"}"


def _row(arrays: Mapping[str, np.ndarray], at: int) -> Iterator[bytes]:
    yield from _object({name: array[at] for name, array in arrays.items()})


def _object(arrays: Mapping[str, Any]) -> Iterator[bytes]:
    """Yields the JSON of named values; a single one goes without its name."""
    if len(arrays) == 1:
        ((name, value),) = arrays.items()
        yield from _values(value, name)
        return
    members = (
        itertools.chain([_dumped(name), b": "], _values(value, name))
        for name, value in arrays.items()
    )
    yield from _joined(b"{", members, b"}")


def _values(value: Any, name: str) -> Iterator[bytes]:
    """Yields the JSON of an array of any rank, or of a single value."""
    if isinstance(value, np.ndarray) and value.ndim > 1 and value.size > _MAX_AT_ONCE:
        yield from _joined(b"[", (_values(part, name) for part in value), b"]")
    else:
        yield _dumped(_plain(name, value))


def _joined(opening: bytes, parts: Iterable[Iterator[bytes]], closing: bytes) -> Iterator[bytes]:
    yield opening
    for number, part in enumerate(parts):
        if number:
            yield b", "
        yield from part
    yield closing


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return _string(value, name.endswith("_bytes"))
    plain = value.tolist()
    if value.dtype != object:
        return plain
    return _string(plain, name.endswith("_bytes"))


def _string(value: Any, is_bytes: bool) -> Any:
    if isinstance(value, list):
        return [_string(one, is_bytes) for one in value]
    if is_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def status(entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Returns the response for the state of versions; ``entries`` are those of Triton's index."""
    rows = []
    for entry in entries:
        reason = entry.get("reason", "")
        failed = failures.does_not_load(entry.get("state", ""), reason)
        rows.append(
            {
                "version": str(entry["version"]),
                "state": _STATES.get(entry.get("state", ""), "END"),
                "status": {
                    "error_code": "UNKNOWN" if failed else "OK",
                    "error_message": reason if failed else "",
                },
            }
        )
    return {"model_version_status": rows}


def metadata(
    name: str, version: str, offered: Mapping[str, signatures.Signature]
) -> dict[str, Any]:
    """Returns the response of ``/metadata``: every signature with its tensors, all sizes open."""
    definitions = {
        signature_name: {
            "inputs": {key: _tensor(key, value) for key, value in signature.inputs.items()},
            "outputs": {key: _tensor(key, value) for key, value in signature.outputs.items()},
            "method_name": "tensorflow/serving/predict",
        }
        for signature_name, signature in offered.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": version},
        "metadata": {"signature_def": {"signature_def": definitions}},
    }


def _tensor(name: str, tensor: signatures.Tensor) -> dict[str, Any]:
    data_type = _TYPES.get(tensor.data_type, tensor.data_type.replace("TYPE_", "DT_"))
    dimensions = [{"size": "-1", "name": ""}] * (tensor.item_rank + 1)
    shape = {"dim": dimensions, "unknown_rank": False}
    return {"dtype": data_type, "tensor_shape": shape, "name": name}
