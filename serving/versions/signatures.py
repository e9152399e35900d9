"""Reads the signatures of a SavedModel without TensorFlow.

Importing TensorFlow takes seconds and half a gigabyte, for a few names: so the few fields are
decoded from the wire format. Source: TensorFlow's ``saved_model.proto``, ``meta_graph.proto``,
``tensor_shape.proto`` and ``types.proto``.
"""

from dataclasses import dataclass
from pathlib import Path

from serving import errors, files
from serving.triton import wire_format

SAVED_MODEL_FILE = "saved_model.pb"
MOST_BYTES = (1 << 31) - 1  # protobuf's limit for a message
DEFAULT = "serving_default"
# Signatures that TensorFlow adds for its own use.
_INTERNAL = "__saved_model_"

# DataType of types.proto → the name that Triton's configuration gives it.
_TYPES = {
    1: "TYPE_FP32",
    2: "TYPE_FP64",
    3: "TYPE_INT32",
    4: "TYPE_UINT8",
    5: "TYPE_INT16",
    6: "TYPE_INT8",
    7: "TYPE_STRING",
    9: "TYPE_INT64",
    10: "TYPE_BOOL",
    17: "TYPE_UINT16",
    19: "TYPE_FP16",
    22: "TYPE_UINT32",
    23: "TYPE_UINT64",
}


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Attributes:
      data_type: as in Triton's configuration, such as TYPE_FP32.
      item_rank: the number of dimensions of one item, without the batch dimension.
    """

    data_type: str
    item_rank: int


@dataclass(frozen=True)
class Signature:
    """A signature's inputs and outputs, by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def read(directory: Path) -> dict[str, Signature]:
    """Returns the signatures of a SavedModel by name.

    Args:
      directory: the folder of its ``saved_model.pb``.

    Raises:
      errors.UserError: the file is missing or damaged.
    """
    path = directory / SAVED_MODEL_FILE
    try:
        return parse(read_file(directory))
    except OSError as error:
        raise errors.UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise errors.UserError(f"{path} is not a SavedModel, or damaged ({error}).") from error


def read_file(directory: Path) -> bytes:
    """Returns the content of the ``saved_model.pb`` of a directory.

    Raises:
      OSError: it cannot be read, is not a regular file, or has more than ``MOST_BYTES``.
    """
    return files.read(directory / SAVED_MODEL_FILE, MOST_BYTES)


def parse(saved_model: bytes) -> dict[str, Signature]:
    """Returns the signatures of a SavedModel by name.

    Args:
      saved_model: the content of its ``saved_model.pb``.

    Raises:
      ValueError: it is not a SavedModel, or damaged.
    """
    try:
        view = memoryview(saved_model)
        meta_graph = next(value for number, value in wire_format.fields(view) if number == 2)
        entries = [_entry(value) for number, value in wire_format.fields(meta_graph) if number == 5]
        return {
            name: _signature(value) for name, value in entries if not name.startswith(_INTERNAL)
        }
    except (LookupError, StopIteration, TypeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def offered(directory: Path) -> dict[str, Signature]:
    """Returns the signatures that a server offers: those with the inputs of ``serving_default``.

    Raises:
      errors.UserError: as :func:`read`, or there is no ``serving_default``.
    """
    signatures = read(directory)
    if DEFAULT not in signatures:
        names = ", ".join(sorted(signatures))
        raise errors.UserError(f"{directory} has the signatures {names}; {DEFAULT} is missing.")
    inputs = signatures[DEFAULT].inputs
    return {name: one for name, one in signatures.items() if one.inputs == inputs}


def _signature(content: memoryview) -> Signature:
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for number, value in wire_format.fields(content):
        if number in (1, 2):
            name, info = _entry(value)
            (inputs if number == 1 else outputs)[name] = _tensor(name, info)
    return Signature(inputs, outputs)


def _tensor(name: str, content: memoryview) -> Tensor:
    """Decodes a TensorInfo: its dtype (2) and the dimensions (2) of its shape (3)."""
    values = dict(wire_format.fields(content))
    data_type = _TYPES.get(values.get(2, 0))
    shape = [number for number, _ in wire_format.fields(values.get(3, memoryview(b"")))]
    if data_type is None or 3 in shape or 2 not in shape:
        raise ValueError(f"{name} has a type or a shape that cannot be served in batches")
    return Tensor(data_type, shape.count(2) - 1)


def _entry(content: memoryview) -> tuple[str, memoryview]:
    """Decodes an entry of a map<string, message>: key (1) and value (2)."""
    values = dict(wire_format.fields(content))
    name, value = values[1], values[2]
    if isinstance(name, int) or isinstance(value, int):
        raise ValueError("a map has a number for a name or a message")
    return bytes(name).decode(), value
