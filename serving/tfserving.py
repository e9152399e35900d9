"""TensorFlow Serving's REST API: its requests, answers and errors, without a server.

Source: tensorflow.org/tfx/serving/api_rest. Byte strings are objects {"b64": …}, the values of
tensors whose name ends in ``_bytes`` always. Dimension letters: B batch.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving import json_body, signatures

_STATES = {"READY": "AVAILABLE", "LOADING": "LOADING", "UNLOADING": "UNLOADING"}
_TYPES = {"TYPE_STRING": "DT_STRING", "TYPE_FP32": "DT_FLOAT", "TYPE_FP64": "DT_DOUBLE"}


@dataclass(frozen=True)
class Predict:
    """A request to predict.

    Attributes:
      signature: its name.
      items: B byte strings.
      row: whether it came, and is answered, row by row (``instances``), not by column (``inputs``).
    """

    signature: str
    items: list[bytes]
    row: bool


def parse(body: bytes, input_name: str, max_instances: int) -> Predict:
    """Reads the body of a ``:predict``.

    Args:
      body: JSON.
      input_name: the one input of the model's signatures.
      max_instances: the largest B.

    Raises:
      json_body.MalformedError: it cannot be understood.
    """
    given = json_body.parse(body)
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
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise json_body.MalformedError("A value of 'b64' is not base64 encoded.") from error
    raise json_body.MalformedError(
        f"An instance must be {{'{input_name}': {{'b64': …}}}} or {{'b64': …}}."
    )


def _named(values: dict[str, Any], input_name: str) -> Any:
    if set(values) != {input_name}:
        names = ", ".join(sorted(map(str, values)))
        raise json_body.MalformedError(f"The inputs are {names or 'none'}; needed: {input_name}.")
    return values[input_name]


def answer(outputs: Mapping[str, np.ndarray], row: bool) -> dict[str, Any]:
    """What ``:predict`` answers.

    Args:
      outputs: by name, each [B, …].
      row: row by row, or by column.
    """
    values = {name: _plain(name, array) for name, array in sorted(outputs.items())}
    if row:
        count = len(next(iter(values.values())))
        rows = [{name: value[index] for name, value in values.items()} for index in range(count)]
        single = len(values) == 1
        return {"predictions": [next(iter(one.values())) if single else one for one in rows]}
    return {"outputs": next(iter(values.values())) if len(values) == 1 else values}


def _plain(name: str, array: np.ndarray) -> list[Any]:
    if array.dtype != object:
        values: list[Any] = array.tolist()
        return values
    return [_string(value, name.endswith("_bytes")) for value in array.tolist()]


def _string(value: Any, is_bytes: bool) -> Any:
    if isinstance(value, list):
        return [_string(one, is_bytes) for one in value]
    if is_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")


def status(entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What the state of versions is answered with; ``entries`` as Triton's index has them."""
    rows = []
    for entry in entries:
        reason = entry.get("reason", "")
        failed = entry.get("state") == "UNAVAILABLE" and reason != "unloaded"
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
    """What ``/metadata`` answers: every signature with its tensors; all sizes are left open."""
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
