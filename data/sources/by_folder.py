"""Class folders as the source of labels: a folder's name is the label of the images in it.

Two layouts, each with variants, see data/layout/recognise.py::

    <root>/<class>/…/image                   the pipeline assigns the splits
    <root>/{train,val,test}/<class>/…/image  the splits are given

Each may lie below spans, ``<root>/span-2/…`` or ``<root>/2031-05-01/…``. A class is a folder in
which a file begins like an image. Every file that is not listed is noted as unused with its
reason, so that listed + unused = files found. Only names, sizes and a few headers are read.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from data import errors
from data.layout import class_checks, empty_classes, names, recognise, walk
from data.layout import config as folder_config
from data.layout import unused as unused_files
from data.layout.unused import Reason
from data.sources import label_source
from data.sources.config import FOLDERS
from data.sources.label_source import Request
from data.splits import folder
from data.splits import spans as span_folders

_REASONS = {
    "base": Reason.OUTSIDE_CLASS_FOLDER,
    "split": Reason.OUTSIDE_CLASS_FOLDER,
    "unlabelled": Reason.UNLABELLED_SPLIT,
    "beside": Reason.BESIDE_SPLIT_FOLDERS,
}


def scan(
    root: str | Path,
    config: folder_config.FolderConfig = folder_config.DEFAULT,
    note: unused_files.Note | None = None,
) -> folder.Listing:
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
    with label_source.reading(root, "class folders"):
        folders = [name for name in walk.folders(root) if not names.is_system(name)]
        found = span_folders.find(root, folders, config.spans)
        return _Scan(root, config, note).listing(found)


def refuse_manifest_settings(request: Request) -> None:
    """Refuses settings of a manifest where there is none.

    Raises:
      errors.DataError: there are such settings.
    """
    given = [] if request.labels.format == FOLDERS else request.labels.changed()
    if given:
        raise errors.DataError(
            f"{', '.join(f'labels.{name}' for name in given)} given, but no manifest: none is in"
            f" {request.root}. Name it: --labels.file FILE."
        )


class ByFolder:
    """Class folders and split folders as a source of labels."""

    def recognises(self, request: Request) -> bool:
        """Returns true: whatever no other source reads is taken for class folders."""
        return True

    def scan(self, request: Request, note: unused_files.Note | None = None) -> folder.Listing:
        """Lists a data folder; see :func:`scan`."""
        refuse_manifest_settings(request)
        return scan(request.root, request.folders, note)

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Checks a listing; see :func:`data.layout.class_checks.check`."""
        try:
            class_checks.check(listing, request.folders)
        except errors.DataError as error:
            only = "" if request.rule.needed else class_checks.only_folder(listing)
            if not only:
                raise
            hint = f"--data-dir {request.root / only} reads them without labels."
            raise errors.DataError(*error.problems, hint) from error


class _Scan:
    """One walk over a data folder."""

    def __init__(
        self, root: Path, config: folder_config.FolderConfig, note: unused_files.Note | None
    ) -> None:
        self._root, self._config, self._note = root, config, note
        self._tally = unused_files.Tally()
        self._files: list[folder.ImageFile] = []
        self._splits: dict[str, list[str]] = {}
        self._spellings: dict[str, set[str]] = {}
        self._closed: list[unused_files.Unused] = []

    def listing(self, spans: Sequence[span_folders.Span]) -> folder.Listing:
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
        return folder.Listing(
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
        for below, entries in walk.walk(self._root / base):
            place = layout.place(below)
            if place.class_name is None:
                self._outside(base, below, entries, place)
                continue
            class_name = names.canonical(place.class_name)
            labels = (class_name,)
            usual = Reason.EXCLUDED_CLASS if class_name in self._config.exclude_classes else None
            usual = Reason.HIDDEN_OR_SYSTEM if _is_hidden(below) else usual
            for entry in entries:
                reason = Reason.HIDDEN_OR_SYSTEM if names.is_system(entry.name) else usual
                path = f"{base}{below}{entry.name}"
                if reason:
                    self._add(path, reason, names.has_image_suffix(entry.name))
                    continue
                self._spellings.setdefault(class_name, set()).add(place.class_name)
                self._files.append(
                    folder.ImageFile(
                        path, labels, place.split, entry.size_bytes, entry.modified_ns, span
                    )
                )

    def _outside(
        self, base: str, below: str, entries: Iterable[walk.Entry], place: recognise.Place
    ) -> None:
        """Notes the files of a folder that belongs to no class."""
        reason = Reason.HIDDEN_OR_SYSTEM if _is_hidden(below) else _REASONS[place.kind]
        for entry, row in unused_files.rows(self._root, base + below, entries, reason):
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
        for below, entries in walk.walk(self._root / base, skipped):
            usual = reason or (Reason.BESIDE_SPANS if below else Reason.OUTSIDE_CLASS_FOLDER)
            usual = Reason.HIDDEN_OR_SYSTEM if _is_hidden(below) else usual
            for _, row in unused_files.rows(self._root, base + below, entries, usual):
                self._add(*row)

    def _drop_classes_without_image(self) -> None:
        files = ((file.path, file.class_name) for file in self._files)
        reasons = empty_classes.without_image(self._root, files)
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


def _is_hidden(path: str) -> bool:
    return any(names.is_system(part) for part in path.split("/")[:-1])
