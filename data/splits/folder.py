"""The files of a data folder: sorted, each with its labels, and a fingerprint of all.

Where the labels come from is a matter of data/sources: from the folders' names, or a manifest.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data import formats
from data.boxes.given import HARMLESS, Problem
from data.layout import unused as unused_files
from data.masks import understanding
from data.splits import spans as span_folders


@dataclass(frozen=True, slots=True)
class MaskFile:
    """The file with the mask of an image, by its path, size and modification time.

    Attributes:
      shapes: objects that are drawn, see data/masks/shapes.py, where the file is no mask but a list of
        outlines; else empty.
    """

    path: str
    size_bytes: int
    modified_ns: int
    shapes: str = ""

    def identity(self) -> str:
        """Returns a text that changes with the mask: with its file, or with its own shapes alone."""
        if self.shapes:
            return f"{self.path}\0{self.shapes}"
        return f"{self.path}\0{self.size_bytes}\0{self.modified_ns}"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file that has labels, or one folder in its place that cannot be listed.

    Attributes:
      path: relative to the root, with forward slashes.
      labels: the names of its classes, in Unicode's form NFC.
      split: "train", "eval" or "test" if the source of the labels gives it, else None.
      size_bytes: its size.
      modified_ns: its modification time in nanoseconds since the epoch.
      span: the number of its span; None if there are no spans.
      group: files of one group share a split; None if the source gives none.
      is_stated: whether a manifest states labels, split and group; else they follow from the path.
      boxes: the objects, as data.boxes.given.Given.to_json writes them; empty where images as a
        whole have labels.
      mask: the file that gives each pixel a class; None where images as a whole have labels.
    """

    path: str
    labels: tuple[str, ...]
    split: str | None
    size_bytes: int
    modified_ns: int
    span: int | None = None
    group: str | None = None
    is_stated: bool = False
    boxes: str = ""
    mask: MaskFile | None = None

    @property
    def class_name(self) -> str:
        """Returns the only label, where each image has one."""
        (name,) = self.labels
        return name

    def identity(self) -> bytes:
        """Returns bytes that change with the path, size and modification time, and with a label."""
        text = f"{self.path}\0{self.size_bytes}\0{self.modified_ns}"
        if self.is_stated:
            # Not in the path: an edited manifest must be noticed. No name holds a zero byte.
            text = "\0".join([text, self.split or "", self.group or "", *self.labels])
        if self.boxes:
            text = f"{text}\0{self.boxes}"
        if self.mask:
            text = f"{text}\0{self.mask.identity()}\0{self.split or ''}"
        return text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class BoxesFound:
    """How annotations of boxes were understood.

    Attributes:
      format: the name of their format.
      count: number of boxes.
      empty: number of images that are known to show no object.
      problems: what is wrong in the annotation files, as far as they alone tell.
      others: other formats that are there too and are not used, with their number of images.
      files: number of annotation files that were read.
    """

    format: str
    count: int
    empty: int
    problems: tuple[Problem, ...] = ()
    others: dict[str, int] = field(default_factory=dict)
    files: int = 0

    def lines(self) -> list[str]:
        """Describes what was understood, in a few lines for people."""
        files, empty = formats.plural(self.files, "file"), formats.plural(self.empty, "image")
        described = [f"boxes:   {self.count:,} in {files}, {self.format}; {empty} without objects"]
        if self.others:
            others = ", ".join(f"{name} ({count:,} images)" for name, count in self.others.items())
            described.append(f"also there, not used: {others}; ingest.boxes.format chooses")
        for fault, count in Counter(problem.fault for problem in self.problems).most_common():
            first = next(one for one in self.problems if one.fault is fault)
            where = " ".join(part for part in (first.file, first.place) if part)
            used = "used all the same" if fault in HARMLESS else "left out"
            described.append(
                f"{fault.value}, {used}: {count:,} ({where}{', …' if count > 1 else ''})"
            )
        return described


@dataclass(frozen=True)
class Listing:
    """All files below a root, sorted by path.

    Attributes:
      root: the folder that was listed.
      files: the files that may be images.
      unused: how many files are not used, and why.
      splits: split → the folders that give it, relative to the root or to their span.
      spans: the spans listed, oldest first; empty if the layout has none.
      fixed: spans before the window, listed too; only their test images are used.
      incomplete: the spans that lack their ``_SUCCESS``, if only complete ones count.
      spellings: class name → its folders' names, if these differ in their Unicode form only.
      closed: links to folders and unreadable folders in the place of a class or a split.
      boxes: what was understood of the annotations; None where images as a whole have labels.
      masks: what was understood of the masks; None where images as a whole have labels.
      manifest: the name of the file that states the labels; empty if folders' names do.
      understood: how that file was understood, for people.
    """

    root: Path
    files: tuple[ImageFile, ...]
    unused: unused_files.Tally = field(default_factory=unused_files.Tally)
    splits: dict[str, list[str]] = field(default_factory=dict)
    spans: tuple[span_folders.Span, ...] = ()
    fixed: tuple[span_folders.Span, ...] = ()
    incomplete: tuple[span_folders.Span, ...] = ()
    spellings: dict[str, list[str]] = field(default_factory=dict)
    closed: tuple[unused_files.Unused, ...] = ()
    boxes: BoxesFound | None = None
    masks: understanding.Understood | None = None
    manifest: str = ""
    understood: tuple[str, ...] = ()

    @property
    def window_files(self) -> list[ImageFile]:
        """Returns the files without those of the fixed spans."""
        fixed = {span.number for span in self.fixed}
        return [file for file in self.files if file.span is None or file.span not in fixed]

    @property
    def class_names(self) -> list[str]:
        """Returns the names of the classes: of masks in the order of their values, else sorted."""
        if self.masks:
            return self.masks.encoding.class_names
        return sorted({name for file in self.files for name in file.labels})

    @property
    def given_splits(self) -> set[str]:
        """Returns the splits that the layout gives; empty where the pipeline makes them."""
        return {file.split for file in self.files if file.split is not None}

    @property
    def found(self) -> int:
        """Returns how many files there are, used or not."""
        return len(self.files) + self.unused.total

    @property
    def size_bytes(self) -> int:
        """Returns the sum of the sizes of all listed files."""
        return sum(file.size_bytes for file in self.files)

    def fingerprint(self) -> str:
        """Returns a sha256 in hex that changes with any file, and any label that is not a path."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(file.identity() + b"\n")
        return digest.hexdigest()


def label_counts(files: Iterable[ImageFile]) -> Counter[str]:
    """Counts the files of each label."""
    return Counter(name for file in files for name in file.labels)


def printable(path: str) -> str:
    """Returns a printable path or name: bytes that are not UTF-8 are escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
