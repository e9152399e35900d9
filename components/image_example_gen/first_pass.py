"""First pass of ingest: files → rows of the index. Each new file is decoded once, here.

Re-encoded images are stored beside the index, so that the second pass only reads and writes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.image_example_gen import config as ingest_config
from data import progress
from data.files import atomic, hashing, read_back, user_files
from data.images import decode, decoder_pool, decoder_process, value_range, verify
from data.splits import file_index, folder, split

TASK = "reading images"
LEDGER_FILE = "splits-{key}.csv"
_ROWS_AT_A_TIME = 256
_FILES_A_BUNDLE = 1024
_SMALL_AT_A_TIME = 64


@dataclass(frozen=True)
class Workspace:
    """Folder in which an ingest keeps its state between runs.

    Attributes:
      state_dir: the state folder of the model.
      decode_key, split_key: see IngestJob.
      counted: whether histograms of values of more than 8 bits are stored.
    """

    state_dir: str
    decode_key: str
    split_key: str
    counted: bool = False

    @classmethod
    def of(cls, job: ingest_config.IngestJob) -> "Workspace":
        """Makes the workspace of a job."""
        counted = job.config.value_range == "percentile"
        return cls(job.state_dir, job.decode_key(), job.split_key(), counted)

    @property
    def index_dir(self) -> Path:
        """Returns the folder of the index."""
        return Path(self.state_dir, f"decoded-{self.decode_key}")

    @property
    def ledger(self) -> Path:
        """Returns the file with the assigned splits; editing it pins an image to a split."""
        return Path(self.state_dir, LEDGER_FILE.format(key=self.split_key))

    def encoded(self, sha256: str, info: decode.ImageInfo) -> Path:
        """Returns the path of the bytes to store for a file that is re-encoded."""
        # The name contains the range: a crash between writing bytes and row leaves no mixture.
        name = sha256 if info.values is None else f"{sha256}-{info.values.scaled.key()}"
        return self.index_dir / "encoded" / sha256[:2] / name

    def histogram(self, sha256: str) -> Path:
        """Returns the path of the histogram of a file's values, if they have more than 8 bits."""
        return self.index_dir / "histograms" / sha256[:2] / sha256

    def read_histogram(self, sha256: str) -> np.ndarray:
        """Reads the histogram of a file's values, see value_range.

        Raises:
          errors.DataError: it is damaged.
        """
        path, what = self.histogram(sha256), "histogram of an image's values"
        remedy = "Delete it, and the image is decoded again."
        content = read_back.content(path, what, remedy, may_be_empty=True)  # of no value
        with read_back.reading(f"{what} {path}", remedy):
            return value_range.histogram_from_bytes(content)

    def has_bytes(self, row: file_index.Row) -> bool:
        """Returns whether the bytes to store for a file exist."""
        result = row.result
        if isinstance(result, decode.Rejection) or not result.reencoded:
            return True
        if self.counted and result.values and not self.histogram(row.sha256).exists():
            return False
        return _is_image(self.encoded(row.sha256, result))

    def remember(self, rows: Sequence[file_index.Row], ledger: Mapping[str, str]) -> None:
        """Stores the rows and splits of the files, and deletes those of files that are gone."""
        file_index.save(self.index_dir, rows)
        split.save_ledger(self.ledger, ledger)
        kept = set()
        for row in rows:
            if isinstance(row.result, decode.ImageInfo) and row.result.reencoded:
                kept |= {self.encoded(row.sha256, row.result), self.histogram(row.sha256)}
        for folder_name in ("encoded", "histograms"):
            for path in self.index_dir.glob(f"{folder_name}/*/*"):
                if path not in kept:
                    path.unlink()


def _is_image(path: Path) -> bool:
    """Returns whether a file starts like a stored image; after a power failure it may be zeros."""
    try:
        with path.open("rb") as file:
            return file.read(8).startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
    except OSError:
        return False


class Task(NamedTuple):
    """File to inspect.

    Attributes:
      path: relative to the data folder.
      size_bytes, modified_ns: of the file when it was listed.
      twin: the row of a file that it may be a moved copy of.
    """

    path: str
    size_bytes: int
    modified_ns: int
    twin: file_index.Row | None = None

    @classmethod
    def of(cls, file: folder.ImageFile, twin: file_index.Row | None = None) -> "Task":
        """Makes the task of a listed file."""
        return cls(file.path, file.size_bytes, file.modified_ns, twin)


def new_files(
    listing: folder.Listing, rows: dict[str, file_index.Row], workspace: Workspace
) -> list[Task]:
    """Lists the files that have no row in the index or have changed."""
    known = set()
    for file in listing.files:
        row = rows.get(file.path)
        if row and row.describes(file) and workspace.has_bytes(row):
            known.add(file.path)
    # A moved file keeps its size and modification time.
    gone = {
        (row.size_bytes, row.modified_ns): row
        for path, row in rows.items()
        if path not in known and row.sha256 and workspace.has_bytes(row)
    }
    return [
        Task.of(file, gone.get((file.size_bytes, file.modified_ns)))
        for file in listing.files
        if file.path not in known
    ]


def bundles(tasks: Sequence[Task]) -> list[bytes]:
    """Divides tasks into bundles that one worker takes at a time, see :func:`tasks_of`.

    An engine writes and reads each element several times, and bytes cost it nothing.
    """
    starts = range(0, len(tasks), _FILES_A_BUNDLE)
    return [json.dumps(tasks[start : start + _FILES_A_BUNDLE]).encode() for start in starts]


def tasks_of(bundle: bytes) -> list[Task]:
    """Returns the tasks of a bundle."""
    return [
        Task(path, size_bytes, modified_ns, twin and file_index.Row.of(twin))
        for path, size_bytes, modified_ns, twin in json.loads(bundle)
    ]


def count_decoded(tasks: Sequence[Task], rows: Mapping[str, file_index.Row]) -> int:
    """Counts the files that had to be decoded; the others were in the index, or moved."""
    return sum(
        1 for task in tasks if task.twin is None or rows[task.path].sha256 != task.twin.sha256
    )


def _verified(found: Iterable[decoder_pool.Found]) -> Iterator[tuple[decoder_pool.Found, bool]]:
    """Adds to each answer whether TensorFlow decodes its image to the same pixels."""
    small: list[decoder_pool.Found] = []
    images: list[decode.Decoded] = []
    for one in found:
        result = one[1].result
        if not isinstance(result, decode.Decoded):
            yield one, False
        elif not verify.is_small_png(result):
            yield one, verify.same_pixels(result)
        else:
            small.append(one)
            images.append(result)
            if len(small) == _SMALL_AT_A_TIME:
                yield from zip(small, verify.same_small_pngs(images), strict=True)
                small, images = [], []
    if small:
        yield from zip(small, verify.same_small_pngs(images), strict=True)


class Inspector:
    """Decodes files and writes their rows; owns the decoders.

    Args:
      root: the data folder.
      job: the settings.
      decoders: number of processes that decode.
      scale: scaling of values of more than 8 bits to 0–255.
    """

    def __init__(
        self,
        root: str,
        job: ingest_config.IngestJob,
        decoders: int,
        scale: value_range.Scale = decode.TYPE_SCALE,
    ) -> None:
        self._root = root
        self._workspace = Workspace.of(job)
        self._config = job.config.decoding()
        self._scale = scale
        self._pool = decoder_pool.DecoderPool(root, self._config, decoders, scale)

    def close(self) -> None:
        """Ends the decoders."""
        self._pool.close()

    def inspect(self, tasks: Sequence[Task]) -> None:
        """Inspects files and appends their rows to the index."""
        rows: list[file_index.Row] = []
        todo: dict[str, Task] = {}
        for task in tasks:
            row = self._moved(task) if task.twin else None
            if row:
                rows.append(row)
                progress.advance(TASK)
            else:
                todo[task.path] = task
        self._save(rows)
        refused = self._decode(todo, [decoder_process.Request(path) for path in todo])
        self._decode(todo, [decoder_process.Request(path, reencode=True) for path in refused])

    def _decode(self, todo: dict[str, Task], requests: list[decoder_process.Request]) -> list[str]:
        """Decodes files; returns the paths of those that TensorFlow decodes to another image."""
        rows, refused = [], []
        for (request, answer), is_same in _verified(self._pool.decode(requests)):
            result = answer.result
            if isinstance(result, decode.Decoded) and not is_same:
                if not request.reencode:
                    refused.append(request.path)
                    continue
                result = decode.Rejection("not_decodable_by_tensorflow", result.info.source_format)
            if isinstance(result, decode.Decoded):
                result = self._compared(request.path, result)
            rows.append(self._row(todo[request.path], answer.sha256, result))
            progress.advance(TASK)
            if len(rows) >= _ROWS_AT_A_TIME:
                self._save(rows)
                rows = []
        self._save(rows)
        return refused

    def _compared(self, path: str, result: decode.Decoded) -> decode.Decoded | decode.Rejection:
        """Records whether the served model decodes the file itself to the stored pixels."""
        if not verify.may_be_seen_otherwise(result, self._config):
            return result
        content = user_files.read(self._root, path, self._config.limits.max_bytes)
        if isinstance(content, decode.Rejection):
            return content
        refused = verify.refusal(content, result, self._config, self._scale.integers)
        return replace(result, info=result.info._replace(refused=refused))

    def _row(
        self, task: Task, sha256: str, result: decode.Decoded | decode.Rejection
    ) -> file_index.Row:
        known: decode.ImageInfo | decode.Rejection
        if isinstance(result, decode.Decoded):
            known = result.info
            if known.reencoded:
                with atomic.replacing(self._workspace.encoded(sha256, known)) as temporary:
                    temporary.write_bytes(result.encoded)
            if result.histogram is not None:
                with atomic.replacing(self._workspace.histogram(sha256)) as temporary:
                    temporary.write_bytes(value_range.histogram_to_bytes(result.histogram))
        else:
            known = result
        return file_index.Row(task.path, task.size_bytes, task.modified_ns, sha256, known)

    def _moved(self, task: Task) -> file_index.Row | None:
        """Returns the row of a moved file if its content is the same."""
        content = user_files.read(self._root, task.path, self._config.limits.max_bytes)
        twin = task.twin
        if twin is None or isinstance(content, decode.Rejection):
            return None
        if hashing.sha256(content) != twin.sha256:
            return None
        return twin._replace(path=task.path)

    def _save(self, rows: list[file_index.Row]) -> None:
        if rows:
            file_index.append(self._workspace.index_dir, rows)
