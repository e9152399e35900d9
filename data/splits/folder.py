"""Lists a user's folder: sorted files, splits and spans, and a fingerprint.

Two layouts, each with variants, see data/layout/recognise.py::

    <root>/<class>/…/image                   the pipeline assigns the splits
    <root>/{train,val,test}/<class>/…/image  the splits are given

Each may lie below spans, ``<root>/span-2/…`` or ``<root>/2031-05-01/…``. A class is a folder in
which a file begins like an image. Every file that is not listed is noted as unused with its
reason, so that listed + unused = files found. Only names, sizes and a few headers are read.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data import errors
from data.layout import classes, names, recognise, sniff, walk
from data.layout import unused as unused_files
from data.layout.config import FolderConfig
from data.layout.unused import Reason
from data.splits import spans as span_folders

DEFAULT = FolderConfig()
_REASONS = {
    "base": Reason.OUTSIDE_CLASS_FOLDER,
    "split": Reason.OUTSIDE_CLASS_FOLDER,
    "unlabelled": Reason.UNLABELLED_SPLIT,
    "beside": Reason.BESIDE_SPLIT_FOLDERS,
}


@dataclass(frozen=True)
class ImageFile:
    """One file below a class folder, or one folder that cannot be listed.

    Attributes:
      path: relative to the root, with forward slashes.
      class_name: the name of its class folder, in Unicode's form NFC.
      split: "train", "eval" or "test" if the layout gives it, else None.
      size_bytes: its size.
      modified_ns: its modification time in nanoseconds since the epoch.
      span: the number of its span; None if the layout has no spans.
    """

    path: str
    class_name: str
    split: str | None
    size_bytes: int
    modified_ns: int
    span: int | None = None


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

    @property
    def window_files(self) -> list[ImageFile]:
        """Returns the files without those of the fixed spans."""
        fixed = {span.number for span in self.fixed}
        return [file for file in self.files if file.span is None or file.span not in fixed]

    @property
    def class_names(self) -> list[str]:
        """Returns the names of the classes, sorted; each has a file that begins as an image."""
        return sorted({file.class_name for file in self.files})

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
        """Returns a sha256 in hex that changes with any path, size or modification time."""
        digest = hashlib.sha256()
        for file in self.files:
            line = f"{file.path}\0{file.size_bytes}\0{file.modified_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def scan(
    root: str | Path, config: FolderConfig = DEFAULT, note: unused_files.Note | None = None
) -> Listing:
    """Lists a data folder.

    Args:
      root: the data folder.
      config: how its folders are interpreted.
      note: called with each file that is not used.

    Raises:
      errors.DataError: the root is missing, is not a folder or cannot be read, or two folders
        are the same span.
    """
    root = Path(root)
    if not root.exists():
        raise errors.DataError(f"The data folder {root} does not exist.")
    if not root.is_dir():
        raise errors.DataError(
            f"The data folder {root} is a file; a folder of class folders is needed."
        )
    try:
        folders = [name for name in walk.folders(root) if not names.is_system(name)]
        found = span_folders.find(root, folders, config.spans)
        return _Scan(root, config, note).listing(found)
    except OSError as error:
        raise errors.DataError(
            f"The data folder {root} cannot be read: {error.strerror}."
        ) from error


def printable(path: str) -> str:
    """Returns a printable path or name: bytes that are not UTF-8 are escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


class _Scan:
    """One walk over a data folder."""

    def __init__(self, root: Path, config: FolderConfig, note: unused_files.Note | None) -> None:
        self._root, self._config, self._note = root, config, note
        self._tally = unused_files.Tally()
        self._files: list[ImageFile] = []
        self._splits: dict[str, list[str]] = {}
        self._spellings: dict[str, set[str]] = {}
        self._closed: list[unused_files.Unused] = []

    def listing(self, spans: Sequence[span_folders.Span]) -> Listing:
        """Walks the spans, or the root if there are none."""
        chosen = span_folders.choose(self._root, spans, self._config.spans)
        if spans:
            self._pass_over("", None, {span.folder for span in spans})
        else:
            self._list("", None)
        for span in (*chosen.fixed, *chosen.window):
            self._list(f"{span.folder}/", span.number)
        for span in chosen.before_window:
            self._pass_over(f"{span.folder}/", Reason.SPAN_OUTSIDE_WINDOW)
        for span in chosen.incomplete:
            self._pass_over(f"{span.folder}/", Reason.SPAN_INCOMPLETE)
        self._drop_classes_without_image()
        return Listing(
            root=self._root,
            files=tuple(sorted(self._files, key=lambda file: file.path)),
            unused=self._tally,
            splits=self._splits,
            spans=chosen.window,
            fixed=chosen.fixed,
            incomplete=chosen.incomplete,
            spellings={
                name: sorted(spelt) for name, spelt in self._spellings.items() if len(spelt) > 1
            },
            closed=tuple(self._closed),
        )

    def _list(self, base: str, span: int | None) -> None:
        """Lists the class folders below a base, "" or a span with a slash at its end."""
        layout = recognise.recognise(self._root / base, self._config.layout)
        for path, split in layout.splits.items():
            known = self._splits.setdefault(split, [])
            if path.rstrip("/") not in known:
                known.append(path.rstrip("/"))
        for folder, entries in walk.walk(self._root / base):
            place = layout.place(folder)
            if place.class_name is None:
                self._outside(base, folder, entries, place)
                continue
            class_name = names.canonical(place.class_name)
            usual = Reason.EXCLUDED_CLASS if class_name in self._config.exclude_classes else None
            usual = Reason.HIDDEN_OR_SYSTEM if _is_hidden(folder) else usual
            for entry in entries:
                reason = Reason.HIDDEN_OR_SYSTEM if names.is_system(entry.name) else usual
                path = f"{base}{folder}{entry.name}"
                if reason:
                    self._add(path, reason, names.has_image_suffix(entry.name))
                    continue
                self._spellings.setdefault(class_name, set()).add(place.class_name)
                self._files.append(
                    ImageFile(
                        path, class_name, place.split, entry.size_bytes, entry.modified_ns, span
                    )
                )

    def _outside(
        self, base: str, folder: str, entries: Iterable[walk.Entry], place: recognise.Place
    ) -> None:
        """Notes the files of a folder that belongs to no class."""
        reason = Reason.HIDDEN_OR_SYSTEM if _is_hidden(folder) else _REASONS[place.kind]
        for entry, row in self._rows(base + folder, entries, reason):
            is_class = entry.is_folder and place.kind in ("base", "split")
            if is_class and row.reason is not Reason.HIDDEN_OR_SYSTEM:
                if names.canonical(entry.name) in self._config.exclude_classes:
                    row = row._replace(reason=Reason.EXCLUDED_CLASS)
                else:
                    self._closed.append(row)
            self._add(*row)

    def _pass_over(
        self, base: str, reason: Reason | None, skipped: frozenset[str] | set[str] = frozenset()
    ) -> None:
        """Notes all files below a base; without a reason, those of the root beside its spans."""
        for folder, entries in walk.walk(self._root / base, skipped):
            usual = reason or (Reason.BESIDE_SPANS if folder else Reason.OUTSIDE_CLASS_FOLDER)
            usual = Reason.HIDDEN_OR_SYSTEM if _is_hidden(folder) else usual
            for _, row in self._rows(base + folder, entries, usual):
                self._add(*row)

    def _rows(
        self, folder: str, entries: Iterable[walk.Entry], reason: Reason
    ) -> Iterable[tuple[walk.Entry, unused_files.Unused]]:
        """Yields for each file of a folder why it is not used, and whether it is an image file."""
        entries = list(entries)
        nameless_are_images: bool | None = None
        for entry in entries:
            why, is_image = reason, names.has_image_suffix(entry.name) and not entry.is_folder
            if names.is_system(entry.name):
                why = Reason.HIDDEN_OR_SYSTEM
            elif entry.is_folder and reason not in unused_files.EXPECTED:
                why = Reason.LINK_NOT_FOLLOWED if entry.is_link else Reason.FOLDER_UNREADABLE
            elif reason not in unused_files.EXPECTED and not names.has_suffix(entry.name):
                if nameless_are_images is None:
                    nameless = [one.name for one in entries if not names.has_suffix(one.name)]
                    nameless_are_images = sniff.any_image(self._root / folder, nameless)
                is_image = nameless_are_images
            yield entry, unused_files.Unused(folder + entry.name, why, is_image)

    def _drop_classes_without_image(self) -> None:
        files = ((file.path, file.class_name) for file in self._files)
        reasons = classes.without_image(self._root, files)
        if not reasons:
            return
        for file in self._files:
            if file.class_name in reasons:
                name = file.path.rpartition("/")[2]
                self._add(file.path, reasons[file.class_name], names.has_image_suffix(name))
        self._files = [file for file in self._files if file.class_name not in reasons]
        for name in reasons:
            self._spellings.pop(name, None)

    def _add(self, path: str, reason: Reason, is_image: bool) -> None:
        row = unused_files.Unused(path, reason, is_image)
        self._tally.add(row)
        if self._note:
            self._note(row)


def _is_hidden(folder: str) -> bool:
    return any(names.is_system(part) for part in folder.split("/")[:-1])
