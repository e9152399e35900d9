"""Reads weights from a legacy ``torch.save`` file, without torch and without trusting it.

The legacy format is a series of pickles (magic number, protocol version, system information,
the object, the storage keys) followed by each storage's element count and raw bytes. The
unpickler here accepts an ordered dictionary, a tensor and two storages, and refuses everything
else, so a file cannot run code.

Source of the format: ``torch/serialization.py``, ``_legacy_save``.
"""

import collections
import hashlib
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from data.files import read_back

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_MAX_DIMENSIONS = 32  # of NumPy 1
_STORAGE_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


class WeightsFileError(Exception):
    """Error of a weights file that is damaged or holds anything but plain tensors."""


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple, strides: tuple, *_rest: Any
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
}


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGE_DTYPES:
            return name
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise WeightsFileError(f"refused to load {module}.{name} from a weights file") from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _location, size, *_view = pid
        if kind != "storage" or storage_type not in _STORAGE_DTYPES:
            raise WeightsFileError(f"refused to load a persistent {kind!r} from a weights file")
        return _Storage(str(key), _STORAGE_DTYPES[storage_type], int(size))


def load(path: str | Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Reads a state dictionary.

    Args:
      path: a file written by ``torch.save`` before the zip format.
      sha256: expected digest of the file in hex; None skips the check.

    Returns:
      Parameter name → contiguous array, float32 or int64, in torch's layout.

    Raises:
      WeightsFileError: the digest differs, or the file is damaged or holds other objects.
    """
    path = Path(path)
    if sha256 is not None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise WeightsFileError(f"{path}: sha256 is {found}, expected {sha256}")
    with path.open("rb") as file:
        try:
            return _read(file)
        except (pickle.UnpicklingError, ImportError, *read_back.BROKEN) as error:
            raise WeightsFileError(f"{path}: {type(error).__name__}: {error}") from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    for expected in (MAGIC_NUMBER, PROTOCOL_VERSION):
        found = _TensorUnpickler(file).load()
        if found != expected:
            raise ValueError(f"not a legacy torch file: read {found!r} where {expected!r} stands")
    _TensorUnpickler(file).load()  # system information: byte order and type sizes
    tensors: dict[str, _Tensor] = _TensorUnpickler(file).load()
    storage_keys = _TensorUnpickler(file).load()
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {}
    for key in storage_keys:
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        if count < 0:
            raise ValueError(f"a storage of {count} values")
        dtype = dtypes[str(key)]
        storages[str(key)] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return {name: _view(tensor, storages) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    storage = storages[tensor.storage.key]
    numbers = (tensor.offset, *tensor.shape, *tensor.strides)
    if len(tensor.shape) != len(tensor.strides) or len(tensor.shape) > _MAX_DIMENSIONS:
        raise ValueError(f"a tensor of shape {tensor.shape} has the strides {tensor.strides}")
    # A negative value would reach before the beginning of the storage.
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(
            f"a tensor has offset {tensor.offset}, shape {tensor.shape} and strides {tensor.strides};"
            " all must be whole numbers from 0"
        )
    last = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
    if 0 in tensor.shape:
        return np.empty(tensor.shape, storage.dtype)
    # A stride of 0 repeats a value; weights never need more values than their storage holds.
    if tensor.offset + last >= storage.size or math.prod(tensor.shape) > storage.size:
        raise ValueError(
            f"a tensor of shape {tensor.shape} reaches past its storage of {storage.size} values"
        )
    # Tensors need not be contiguous: a transposed one keeps its storage and swaps its strides.
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    flat = storage[tensor.offset :]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, tensor.shape, strides))
