"""Annotations of boxes as the source: images anywhere below the root, and files that know them.

The formats are those of :mod:`data.boxes`. The labels of an image are the classes of its boxes.
Every file that is no listed image is noted with its reason.
"""

from pathlib import Path

from data import errors
from data.boxes import recognise
from data.boxes.given import Fault, Given, is_plausible
from data.layout import class_checks, names, walk
from data.layout import config as folder_config
from data.layout import unused as unused_files
from data.layout.unused import Reason
from data.sources import label_source
from data.sources.label_source import Request
from data.splits import folder
from data.splits import spans as span_folders


def scan(
    root: str | Path,
    config: folder_config.FolderConfig = folder_config.DEFAULT,
    note: unused_files.Note | None = None,
) -> folder.Listing:
    """Lists a data folder of images and annotations of boxes.

    Args:
      root: the data folder.
      config: how it is interpreted.
      note: called with each file that is not used as an image.

    Raises:
      errors.DataError: the root is no folder or cannot be read, or no boxes are found in it.
    """
    root, boxes = Path(root), config.boxes
    with label_source.reading(root, "images and annotations of their boxes"):
        found = recognise.read(root, boxes.format, boxes.images_without_annotation)
        return _listing(root, found, _Spans(root, config), note)


class ByBoxes:
    """Annotation files of boxes as a source."""

    def recognises(self, request: Request) -> bool:
        """Returns whether objects in the images have boxes."""
        return request.rule.annotates == "boxes"

    def scan(self, request: Request, note: unused_files.Note | None = None) -> folder.Listing:
        """Lists a data folder; see :func:`scan`.

        Raises:
          errors.DataError: as there, or a manifest is given, which has no boxes.
        """
        if request.labels.file is not None:
            raise errors.DataError(
                f"{request.labels.file} is a manifest, which gives labels to whole images; give the"
                " folder of the images and of the annotations of their boxes as --data-dir, without"
                " labels.file."
            )
        return scan(request.root, request.folders, note)

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Checks a listing; see :func:`data.layout.class_checks.check`."""
        class_checks.check(listing, request.folders)


class _Spans:
    """The spans of a data folder: its uppermost folders, if they are named like spans."""

    def __init__(self, root: Path, config: folder_config.FolderConfig) -> None:
        folders = [name for name in walk.folders(root) if not names.is_system(name)]
        found = span_folders.find(root, folders, config.spans, by_class=False)
        self.chosen = span_folders.choose(root, found, config.spans)
        self._used = {one.folder: one.number for one in (*self.chosen.fixed, *self.chosen.window)}
        self._reasons = {
            **{one.folder: Reason.SPAN_OUTSIDE_WINDOW for one in self.chosen.before_window},
            **{one.folder: Reason.SPAN_INCOMPLETE for one in self.chosen.incomplete},
        }
        self._has_any = bool(found)

    def of(self, path: str) -> tuple[int | None, Reason | None]:
        """Returns the span of a file, None without spans, and why it is not used, if it is not."""
        name = path.split("/")[0]
        if not self._has_any or name in self._used:
            return self._used.get(name), None
        return None, self._reasons.get(name, Reason.BESIDE_SPANS)


def _listing(
    root: Path,
    understood: recognise.Understood,
    spans: "_Spans",
    note: unused_files.Note | None,
) -> folder.Listing:
    found, tally, files = understood.found, unused_files.Tally(), []
    for below, entries in walk.walk(root):
        is_hidden = any(names.is_system(part) for part in below.split("/")[:-1])
        for entry in entries:
            path = f"{below}{entry.name}"
            if path in found.used:
                continue  # an annotation file: what is wrong with it is among the problems
            given = None if entry.is_folder or is_hidden else found.given.get(path)
            span, outside = spans.of(path)
            if given is not None and outside is None:
                files.append(_file(path, given, found.splits.get(path), entry, span))
                continue
            row = _unused(path, entry, is_hidden, outside)
            tally.add(row)
            if note:
                note(row)
    given_all = [found.given[file.path] for file in files]
    return folder.Listing(
        root=root,
        files=tuple(sorted(files, key=lambda file: file.path)),
        unused=tally,
        splits=_folders(files),
        spans=spans.chosen.window,
        fixed=spans.chosen.fixed,
        incomplete=spans.chosen.incomplete,
        boxes=folder.BoxesFound(
            format=found.format,
            count=sum(len(one.boxes) for one in given_all),
            empty=sum(not one.boxes for one in given_all),
            problems=tuple(one for one in found.problems if one.fault is not Fault.NO_ANNOTATION),
            others=understood.others,
            files=len(found.used),
        ),
    )


def _file(
    path: str, given: Given, split: str | None, entry: walk.Entry, span: int | None
) -> folder.ImageFile:
    labels = {names.canonical(box.label) for box in given.boxes if is_plausible(box)}
    return folder.ImageFile(
        path=path,
        labels=tuple(sorted(labels)),
        split=split,
        size_bytes=entry.size_bytes,
        modified_ns=entry.modified_ns,
        span=span,
        is_stated=True,
        boxes=given.to_json(),
    )


def _unused(
    path: str, entry: walk.Entry, is_hidden: bool, outside: Reason | None
) -> unused_files.Unused:
    is_image = names.has_image_suffix(entry.name) and not entry.is_folder
    if is_hidden or names.is_system(entry.name):
        reason = Reason.HIDDEN_OR_SYSTEM
    elif entry.is_folder:
        reason = Reason.LINK_NOT_FOLLOWED if entry.is_link else Reason.FOLDER_UNREADABLE
    elif outside is not None:
        reason = outside
    else:
        reason = Reason.IMAGE_WITHOUT_BOXES if is_image else Reason.NEITHER_IMAGE_NOR_BOXES
    return unused_files.Unused(path, reason, is_image)


def _folders(files: list[folder.ImageFile]) -> dict[str, list[str]]:
    """Maps each split that is given to the folders of its images."""
    found: dict[str, set[str]] = {}
    for file in files:
        if file.split:
            found.setdefault(file.split, set()).add(file.path.rpartition("/")[0] or ".")
    return {split: sorted(here) for split, here in found.items()}
