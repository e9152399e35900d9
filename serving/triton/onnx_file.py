"""Reads and checks the network of a version in ONNX, before ONNX Runtime parses it.

The file is read back from a disk, so it may be torn, replaced or hostile. It is used only if it is the one that
the contract names, by size and digest; if it has operators of the ONNX standard alone; and if it refers to no
other file. Whoever can replace the contract too can replace the SavedModel, which is a program. This file is
copied next to model.py in Triton's folder.
Source: ONNX 1.17, ``onnx.proto``.
"""

import hashlib
import os
import re
import stat
from typing import Any

import wire_format  # lies beside this file

# Beside saved_model.pb.
PATH = os.path.join("assets.extra", "network", "network.onnx")
MAX_BYTES = 1 << 30
_SHA256 = re.compile("[0-9a-f]{64}")
_STANDARD = (b"", b"ai.onnx", b"ai.onnx.ml")
_MAX_DEPTH = 64
# Messages of onnx.proto: the numbers of the fields that are messages, and what they are. Other fields hold
# names, shapes and values.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _OPSET, _FUNCTION = range(8)
_INSIDE: dict[int, dict[int, int]] = {
    _MODEL: {7: _GRAPH, 8: _OPSET, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {},
    _OPSET: {},
    _FUNCTION: {7: _NODE, 9: _OPSET, 11: _ATTRIBUTE},
}
# The fields that name the domain of operators.
_DOMAINS = {_NODE: 7, _OPSET: 1}
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1


class UnusableError(Exception):
    """A version has no network for ONNX Runtime that may be used.

    Args:
      message: why, in the middle of a sentence.
      is_failure: whether there is one that should work; false where there is none.
    """

    def __init__(self, message: str, is_failure: bool = False) -> None:
        super().__init__(message)
        self.is_failure = is_failure


class _BrokenError(UnusableError):
    """The file is there, but is not what was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_failure=True)


def read(directory: str, contract: Any) -> bytes:
    """Returns the content of the file.

    Args:
      directory: of ``saved_model.pb``.
      contract: what is in ``contract.json``.

    Raises:
      UnusableError: there is none, it is not the one that the contract names, or it may not be used.
    """
    entry = contract.get("network") if isinstance(contract, dict) else None
    if not isinstance(entry, dict):
        raise UnusableError("the version has no network for it: an older release wrote it")
    if entry.get("absent"):
        raise UnusableError(f"the version has no network for it: {entry['absent']!s:.300}")
    size, digest = entry.get("size_bytes"), entry.get("sha256")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise _BrokenError("contract.json has no digest of the network")
    if not isinstance(size, int) or not 0 < size <= MAX_BYTES:
        raise _BrokenError(
            f"contract.json says that the network has {size!r:.40} bytes; allowed are 1 to {MAX_BYTES}"
        )
    content = _read(os.path.join(directory, PATH), size)
    if hashlib.sha256(content).hexdigest() != digest:
        raise _BrokenError(f"{PATH} is not the file that contract.json names")
    check(content)
    return content


def check(content: bytes) -> None:
    """Checks that a model is complete, refers to no other file, and has standard operators only.

    Raises:
      UnusableError: with the reason.
    """
    try:
        _check(memoryview(content), _MODEL, 0)
    except ValueError as error:
        raise _BrokenError(f"{PATH} is damaged ({error})") from error


def _read(path: str, size: int) -> bytes:
    try:
        # Not blocked by a pipe in its place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _BrokenError(f"{PATH} is not a regular file")
            content = file.read(size + 1)
    except OSError as error:
        raise _BrokenError(f"{PATH} cannot be read: {error.strerror}") from error
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content)}"
        raise _BrokenError(f"{PATH} has {more} bytes; contract.json says {size}")
    return content


def _check(content: memoryview, kind: int, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"graphs lie in one another more than {_MAX_DEPTH} deep")
    for number, value in wire_format.fields(content):
        inner = _INSIDE[kind].get(number)
        if inner is not None:
            if isinstance(value, int):
                raise ValueError("a number is where a message must be")
            _check(value, inner, depth + 1)
        elif number == _DOMAINS.get(kind) and bytes(value) not in _STANDARD:
            raise _BrokenError(
                f"{PATH} has operators of {bytes(value)!r:.80}; only those of the ONNX standard are allowed"
            )
        elif kind == _TENSOR and (
            number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == _EXTERNAL)
        ):
            raise _BrokenError(f"{PATH} refers to another file; all weights must be inside it")
