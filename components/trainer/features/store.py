"""Features on disk: float16 rows by key, in shards that are complete or absent.

A store is a folder of shards, each a ``.npy`` of rows and a ``.json`` that lists their keys and
the checksum of the rows. The ``.json`` is written last, so a shard without one is unfinished. A
shard whose rows do not match the checksum is damaged: it is deleted, and its rows are computed
again.

Rows are read through memory maps: apart from the keys, memory stays flat as the store grows.
"""

import json
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.files import atomic, read_arrays, read_back

SHARD_BYTES = 64 << 20
_LARGEST = float(np.finfo(np.float16).max)


class Location(NamedTuple):
    """Position of a row."""

    shard: int
    row: int


class Store:
    """Rows of one shape, found by key. For one writer at a time.

    Args:
      folder: the folder of the shards; created with the first one.
      shape: the shape of a row.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.folder = folder
        self.shape = shape
        self._rows: list[np.ndarray] = []
        self._locations: dict[bytes, Location] = {}
        self._keys: list[bytes] = []
        self._values: list[np.ndarray] = []
        for path in sorted(folder.glob("*.json")):
            self._open(path)
        self._sweep()

    @property
    def row_bytes(self) -> int:
        """Returns the size of a row on disk."""
        return int(np.prod(self.shape)) * np.dtype(np.float16).itemsize

    def __contains__(self, key: bytes) -> bool:
        return key in self._locations

    def add(self, keys: Sequence[bytes], values: np.ndarray) -> None:
        """Adds rows, which are written by :meth:`flush` or when there are enough for a shard.

        Args:
          keys: one for each row.
          values: float [N, *shape]; values beyond the range of float16 are clipped.
        """
        self._keys += keys
        self._values.append(np.clip(values, -_LARGEST, _LARGEST).astype(np.float16))
        if len(self._keys) * self.row_bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes the rows that were added since the last shard."""
        if not self._keys:
            return
        values = np.concatenate(self._values)
        name = (
            f"{zlib.crc32(b''.join(self._keys)):08x}-{len(self._keys)}-{self._keys[0].hex()[:16]}"
        )
        path = self.folder / f"{name}.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        described = {"checksum": zlib.crc32(values), "keys": [key.hex() for key in self._keys]}
        with atomic.replacing(path) as temporary:
            temporary.write_text(json.dumps(described), encoding="utf-8")
        self._keys, self._values = [], []
        self._open(path)

    def read(self, keys: Sequence[bytes]) -> np.ndarray:
        """Reads the rows of some keys, float32 [N, *shape].

        Raises:
          KeyError: a key is not in the store, or not yet flushed.
        """
        rows = np.empty((len(keys), *self.shape), np.float32)
        for index, key in enumerate(keys):
            shard, row = self._locations[key]
            rows[index] = self._rows[shard][row]
        return rows

    def _sweep(self) -> None:
        """Deletes unfinished shards of a killed process."""
        for path in sorted(self.folder.glob("*.npy*")):
            if path.suffix == ".tmp" or not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)

    def _open(self, path: Path) -> None:
        try:
            keys, checksum = read_back.json_file(path, "shard of cached features", _described)
            rows = read_arrays.array(path.with_suffix(".npy"), "shard of cached features")
            whole = rows.shape == (len(keys), *self.shape) and rows.dtype == np.float16
            whole = whole and zlib.crc32(rows.data) == checksum
            problem = "" if whole else f"The shard of cached features {path} is damaged."
        except read_back.ReadError as error:
            problem = str(error)
        if problem:
            logging.warning("%s Its features are computed again.", problem)
            path.unlink(missing_ok=True)
            path.with_suffix(".npy").unlink(missing_ok=True)
            return
        shard = len(self._rows)
        self._rows.append(rows)
        self._locations.update((key, Location(shard, row)) for row, key in enumerate(keys))


def _described(found: Any) -> tuple[list[bytes], int]:
    return [bytes.fromhex(key) for key in found["keys"]], int(found["checksum"])
