"""The images of a tick, against those of the last finished run. Dimension letter: N files.

Files are known by path, size and modification time, as in ingest. Of each only a number of 64
bits is kept, so a million files take 8 MB. What is decoded here, to tell drift and damage, is a
sample, and each file of it once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import atomic, decode, decoder, decoder_pool, folder, index

FILES_FILE = "files.npy"
RELEASED, NEW = "sample-released", "sample-new"
_DECODERS = 2
Infos = list[decode.ImageInfo]


def keys(files: Sequence[folder.ImageFile]) -> np.ndarray:
    """A number for each file, uint64 [N], which changes when the file does."""
    digests = bytearray()
    for file in files:
        line = f"{file.path}\0{file.size_bytes}\0{file.modified_ns}"
        digests += hashlib.blake2b(line.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return np.frombuffer(bytes(digests), np.uint64)


def sampled(files: Sequence[folder.ImageFile], size: int) -> list[folder.ImageFile]:
    """At most ``size`` of the files, chosen by their names: the same ones every time."""
    if len(files) <= size:
        return list(files)
    order = np.argsort(keys(files), kind="stable")[:size]
    return [files[place] for place in sorted(order.tolist())]


@dataclass(frozen=True)
class Memory:
    """What is remembered of the files of the last finished run.

    Attributes:
      place: the folder of the schedule's state.
      root: the data folder.
      config: limits of decoding, as in ingest.
      size: how many files are decoded at most, of the old and of the new each.
    """

    place: Path
    root: Path
    config: decode.DecodeConfig
    size: int

    def new(self, files: Sequence[folder.ImageFile]) -> list[folder.ImageFile]:
        """Those files that the last run did not have as they are."""
        path = self.place / FILES_FILE
        if not path.exists():
            return list(files)
        known = np.isin(keys(files), np.load(path, allow_pickle=False))
        return [file for file, is_known in zip(files, known, strict=True) if not is_known]

    def look_at_new(self, files: Sequence[folder.ImageFile]) -> list[index.Row]:
        """Decodes a sample of new files; what was decoded at an earlier tick is not again."""
        return self._look(sampled(files, self.size), NEW)

    def look_at_released(self) -> list[index.Row]:
        """What was found in a sample of the files that the served model was made of."""
        return list(index.load(self.place / RELEASED).values())

    def remember(self, listing: folder.Listing, released: bool) -> None:
        """Makes files those of the last run, and of the served model where it was released."""
        if released:
            self._look(sampled(listing.window_files, self.size), RELEASED)
        with atomic.replacing(self.place / FILES_FILE) as temporary, temporary.open("wb") as file:
            np.save(file, np.sort(keys(listing.files)))
        index.save(self.place / NEW, [])

    def _look(self, files: Sequence[folder.ImageFile], name: str) -> list[index.Row]:
        rows = index.load(self.place / RELEASED) | index.load(self.place / NEW)
        missing = {
            file.path: file
            for file in files
            if file.path not in rows or not rows[file.path].describes(file)
        }
        if missing:
            with decoder_pool.DecoderPool(str(self.root), self.config, _DECODERS) as pool:
                for request, answer in pool.decode(decoder.Request(path) for path in missing):
                    file, result = missing[request.path], answer.result
                    rows[file.path] = index.Row(
                        file.path,
                        file.size_bytes,
                        file.modified_ns,
                        answer.sha256,
                        result if isinstance(result, decode.Rejection) else result.info,
                    )
        found = [rows[file.path] for file in files]
        index.save(self.place / name, found)
        return found


def infos(rows: Sequence[index.Row]) -> Infos:
    """What is known of the images that could be read."""
    return [row.result for row in rows if isinstance(row.result, decode.ImageInfo)]
