"""Compares the images of a tick with those of the last finished run. N: files.

Files are identified by path, size, modification time and, of a manifest, their labels. Only a number of 64 bits
is kept for each, so a million files take 8 MB. To detect drift and damage, a sample is decoded,
each file once.
"""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.files import atomic, read_arrays, read_back
from data.images import decode, decode_config, decoder_pool, decoder_process, range_choice
from data.images.value_range import Scale
from data.splits import file_index, folder

FILES_FILE = "files.npy"
RELEASED, NEW = "sample-released", "sample-new"
_DECODERS = 2
Infos = list[decode.ImageInfo]


def keys(files: Sequence[folder.ImageFile]) -> np.ndarray:
    """Returns a number for each file, uint64 [N], which changes with the file and its labels."""
    digests = bytearray()
    for file in files:
        digests += hashlib.blake2b(file.identity(), digest_size=8).digest()
    return np.frombuffer(bytes(digests), np.uint64)


def sampled(files: Sequence[folder.ImageFile], size: int) -> list[folder.ImageFile]:
    """Samples at most ``size`` files by their names: the same ones every time."""
    if len(files) <= size:
        return list(files)
    order = np.argsort(keys(files), kind="stable")[:size]
    return [files[place] for place in sorted(order.tolist())]


@dataclass(frozen=True)
class Memory:
    """The memory of the files of the last finished run.

    Attributes:
      place: the folder of the schedule's state.
      root: the data folder.
      config: limits of decoding, as in ingest.
      size: the most files to decode, of the old and of the new each.
      value_range: as in ingest; for a sample, "auto" replaces percentiles.
    """

    place: Path
    root: Path
    config: decode_config.DecodeConfig
    size: int
    value_range: range_choice.Setting = "auto"

    def new(self, files: Sequence[folder.ImageFile]) -> list[folder.ImageFile]:
        """Returns the files that the last run did not have, or that changed since."""
        path = self.place / FILES_FILE
        remedy = "Without the file all images count as new, and the next tick trains."
        try:
            before = read_arrays.array(path, "list of the last run's files", remedy)
        except read_back.AbsentError:
            return list(files)
        if before.dtype != np.uint64 or before.ndim != 1:
            raise read_back.ReadError.of(
                f"list of the last run's files {path}", "it holds something else", remedy
            )
        known = np.isin(keys(files), before)
        return [file for file, is_known in zip(files, known, strict=True) if not is_known]

    def look_at_new(self, files: Sequence[folder.ImageFile]) -> list[file_index.Row]:
        """Decodes a sample of new files, except those decoded at an earlier tick."""
        return self._look(sampled(files, self.size), NEW)

    def look_at_released(self) -> list[file_index.Row]:
        """Returns the rows of a sample of the files that the served model was trained on."""
        return list(file_index.load(self.place / RELEASED).values())

    def remember(self, listing: folder.Listing, released: bool) -> None:
        """Stores files as those of the last run, and of the served model if it was released."""
        if released:
            self._look(sampled(listing.window_files, self.size), RELEASED)
        path = self.place / FILES_FILE
        with atomic.replacing(path, durable=True) as temporary, temporary.open("wb") as file:
            np.save(file, np.sort(keys(listing.files)))
        file_index.save(self.place / NEW, [])

    def _look(self, files: Sequence[folder.ImageFile], name: str) -> list[file_index.Row]:
        released = file_index.load(self.place / RELEASED)
        rows = released | file_index.load(self.place / NEW)
        # At most twice: the range of released images is known after all of them were inspected.
        for _ in range(2):
            if name == RELEASED:
                released = {file.path: rows[file.path] for file in files if file.path in rows}
            scale = self._scale(released)
            missing = [file for file in files if not _is_known(rows.get(file.path), file, scale)]
            rows |= self._decoded(missing, scale)
        found = [rows[file.path] for file in files]
        file_index.save(self.place / name, found)
        return found

    def _scale(self, released: Mapping[str, file_index.Row]) -> Scale:
        """Returns the range for values of more than 8 bits: that of the released images."""
        setting = "auto" if self.value_range == "percentile" else self.value_range
        known = {
            path: row.result.values
            for path, row in released.items()
            if isinstance(row.result, decode.ImageInfo) and row.result.values
        }
        return range_choice.decide(setting, known, {})[0]

    def _decoded(
        self, files: Sequence[folder.ImageFile], scale: Scale
    ) -> dict[str, file_index.Row]:
        missing = {file.path: file for file in files}
        rows = {}
        if missing:
            root = str(self.root)
            with contextlib.closing(
                decoder_pool.DecoderPool(root, self.config, _DECODERS, scale)
            ) as pool:
                for request, answer in pool.decode(
                    decoder_process.Request(path) for path in missing
                ):
                    file, result = missing[request.path], answer.result
                    rows[file.path] = file_index.Row(
                        file.path,
                        file.size_bytes,
                        file.modified_ns,
                        answer.sha256,
                        result if isinstance(result, decode.Rejection) else result.info,
                    )
        return rows


def _is_known(row: file_index.Row | None, file: folder.ImageFile, scale: Scale) -> bool:
    """Returns whether a row is of a file as it is now, and its measures are by the range wanted."""
    if row is None or not row.describes(file):
        return False
    values = row.result.values if isinstance(row.result, decode.ImageInfo) else None
    return values is None or values.scaled == scale.of(values.kind)


def infos(rows: Sequence[file_index.Row]) -> Infos:
    """Returns the properties of the images that could be read."""
    return [row.result for row in rows if isinstance(row.result, decode.ImageInfo)]
