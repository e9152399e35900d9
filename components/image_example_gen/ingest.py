"""Ingest, image by image: what is read, where it goes, what is written, what is reported.

Nothing is lost: each listed file ends in exactly one split or in the quarantine list.
"""

import csv
import io
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tensorflow as tf

from components.image_example_gen import config as ingest_config
from data import (
    decode,
    errors,
    example,
    folder,
    graph,
    hashing,
    labels,
    progress,
    records,
    split,
)

TASK = "reading images"
REPORT_FILE = "ingest.json"
QUARANTINE_FILE = "quarantine.csv"
QUARANTINE_HEADER = ("path", "class", "reason", "detail")


@dataclass(frozen=True)
class Quarantined:
    """A file that no split holds, and why. ``reason`` is a code of decode.REASONS."""

    path: str
    class_name: str
    reason: str
    detail: str = ""


@dataclass
class Report:
    """What became of the files; adds up over shards.

    Attributes:
      examples: split → class name → number of records.
      quarantined: the files that no split holds, sorted by path.
    """

    examples: dict[str, dict[str, int]] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Split → number of records, every split named."""
        return {name: sum(self.examples.get(name, {}).values()) for name in split.SPLITS}

    def to_json(self) -> str:
        """As written into the artifact."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Reads what :meth:`to_json` wrote."""
        raw = json.loads(text)
        return cls(raw["examples"], [Quarantined(**row) for row in raw["quarantined"]])

    @classmethod
    def read(cls, uri: str) -> "Report":
        """Reads the report of an Examples artifact."""
        return cls.from_json(_read_text(os.path.join(uri, REPORT_FILE)))

    def quarantine_csv(self) -> str:
        """The quarantine list as CSV with a header."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(QUARANTINE_HEADER)
        for row in self.quarantined:
            writer.writerow(_printable(value) for value in asdict(row).values())
        return buffer.getvalue()


@dataclass(frozen=True)
class Ingest:
    """The logic of one ingest, apart from who runs it.

    Attributes:
      root: the data folder.
      output_uri: where the splits' folders go.
      job: the settings, label map and fingerprints.
      shard_counts: split → number of shards.
      given_splits: the splits that the layout gives.
    """

    root: str
    output_uri: str
    job: ingest_config.IngestJob
    shard_counts: dict[str, int]
    given_splits: frozenset[str]

    def route(self, file: folder.ImageFile) -> tuple[str, int, str] | Quarantined:
        """Chooses split, shard and place within the shard by content, or says why none."""
        content = read(self.root, file, self.job.config.limits)
        if isinstance(content, Quarantined):
            progress.advance(TASK)
            return content
        digest = hashing.sha256(content)
        name = split.assign(digest, self.job.config.split, file.split, set(self.given_splits))
        # Other digits than the ones that choose the split, or shards would not fill evenly.
        return name, int(digest[8:16], 16) % self.shard_counts[name], digest

    def write_shard(
        self, split_name: str, index: int, files: Iterable[tuple[str, folder.ImageFile]]
    ) -> Report:
        """Reads, checks and writes the images of one shard, in the order of their digests.

        Args:
          split_name: the split that the shard is of.
          index: of the shard in its split.
          files: (digest, file) of each.
        """
        name = records.shard_name(index, self.shard_counts[split_name])
        path = os.path.join(self.output_uri, f"Split-{split_name}", name)
        counts: Counter[str] = Counter()
        quarantined: list[Quarantined] = []

        def serialized() -> Iterator[bytes]:
            for digest, file in sorted(files):
                record = convert(self.root, file, digest, self.job)
                progress.advance(TASK)
                if isinstance(record, Quarantined):
                    quarantined.append(record)
                else:
                    counts[file.class_name] += 1
                    yield record

        records.write(path, serialized())
        return Report({split_name: dict(counts)}, quarantined)


def plan(
    root: str, output_uri: str, job: ingest_config.IngestJob, listing: folder.Listing
) -> Ingest:
    """Fixes the number of shards of each split from the sizes on disk."""
    shares = {"train": job.config.split.train, "eval": job.config.split.eval}
    shares["test"] = job.config.split.test
    counts = {}
    for name in split.SPLITS:
        share = 1.0 if name in listing.given_splits else shares[name]
        given = [file.size_bytes for file in listing.files if file.split in (None, name)]
        counts[name] = records.shard_count(share * sum(given), job.config.shard_bytes)
    return Ingest(root, output_uri, job, counts, frozenset(listing.given_splits))


def read(root: str, file: folder.ImageFile, limits: decode.Limits) -> bytes | Quarantined:
    """Reads a file; pipes, devices and links out of the root are refused unopened."""

    def refuse(reason: str, detail: str = "") -> Quarantined:
        return Quarantined(file.path, file.class_name, reason, detail)

    path = os.path.join(root, file.path)
    try:
        if os.path.islink(path):
            target = os.path.realpath(path)
            if not Path(target).is_relative_to(os.path.realpath(root)):
                return refuse("link_outside")
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return refuse("not_a_file")
        if status.st_size > limits.max_bytes:
            return refuse("too_many_bytes", f"{status.st_size} bytes")
        with open(path, "rb") as opened:
            return opened.read(limits.max_bytes + 1)
    except FileNotFoundError:
        return refuse("not_a_file", "a broken link, or the file has gone")
    except OSError as error:
        return refuse("unreadable", error.strerror or str(error))


def convert(
    root: str, file: folder.ImageFile, digest: str, job: ingest_config.IngestJob
) -> bytes | Quarantined:
    """One file → a serialized image record, or why not."""
    content = read(root, file, job.config.limits)
    if isinstance(content, Quarantined):
        return content
    decoded = decode.decode(content, job.config.limits, graph.decodes_to)
    if isinstance(decoded, decode.Rejection):
        return Quarantined(file.path, file.class_name, decoded.reason, decoded.detail)
    label = job.labels.index(file.class_name)
    return example.encode(decoded, example.ImageSource(file.path, file.class_name, label, digest))


def merge(reports: Iterable[Report]) -> Report:
    """Adds reports up; the order of the parts does not matter."""
    total = Report()
    for report in reports:
        for name, counts in report.examples.items():
            added = total.examples.setdefault(name, {})
            for class_name, count in counts.items():
                added[class_name] = added.get(class_name, 0) + count
        total.quarantined.extend(report.quarantined)
    total.quarantined.sort(key=lambda row: row.path)
    return total


def check(report: Report, listing: folder.Listing, quarantine_csv: str) -> None:
    """Refuses an outcome that loses files or cannot make a classifier.

    Raises:
      errors.PipelineError: a file is neither in a split nor in quarantine, or in both.
      errors.DataError: fewer than two classes to train on, or a split without images.
    """
    counts = report.counts()
    accounted = sum(counts.values()) + len(report.quarantined)
    if accounted != len(listing.files):
        raise errors.PipelineError(
            f"{len(listing.files)} files were listed in {listing.root} but {accounted} accounted"
            " for: the folder changed during the run. Run again."
        )
    problems = []
    bad = f" {len(report.quarantined)} files could not be read, see {quarantine_csv}."
    bad = bad if report.quarantined else ""
    trained = sorted(name for name, count in report.examples.get("train", {}).items() if count)
    if len(trained) < 2:
        named = f"only {trained[0]!r}" if trained else "none"
        problems.append(
            f"At least two classes need images to train on; {named} of the"
            f" {len(listing.class_names)} in {listing.root} has any.{bad}"
        )
    else:
        empty = [name for name, count in counts.items() if not count]
        problems += [
            f"The {name} split is empty: {sum(counts.values())} readable images are too few for"
            f" its share. Add images, or raise --ingest.split.{name}.{bad}"
            for name in empty
        ]
    if problems:
        raise errors.DataError(*problems)


def read_labels(uri: str) -> list[str]:
    """Reads the label map of an Examples artifact.

    Raises:
      errors.DataError: the file holds no list of different names.
    """
    path = os.path.join(uri, labels.FILE)
    return labels.from_json(_read_text(path), path)


def _read_text(path: str) -> str:
    with tf.io.gfile.GFile(path) as file:
        return str(file.read())


def _printable(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
