"""Images alone as a source: no folder and no manifest gives them labels.

::

    <root>/image                                     the pipeline assigns the splits
    <root>/{train,val,test}/image                    the splits are given
    <root>/span-2/image, <root>/2031-05-01/image     spans; such as hold split folders likewise

Folders like these never hold class folders; where they do, data/sources/by_folder.py reads all of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data import errors
from data.layout import class_checks, names, recognise, sniff, walk
from data.layout import unused as unused_files
from data.layout.unused import Reason
from data.sources import by_folder, config, label_source
from data.sources.label_source import Request
from data.splits import folder
from data.splits import spans as span_folders

UNDERSTOOD = (
    "labels:  none, the images lie in no class folder; only their structure can be measured"
)


class _Place(NamedTuple):
    """A folder of images, and what it says of them.

    Attributes:
      below: its path relative to the root, with a slash at its end; empty: the root.
      split: of its images; None: the pipeline assigns them.
      span: its number; None if there are no spans.
      unused: why none of its files is used; None: its images are used.
    """

    below: str
    split: str | None = None
    span: int | None = None
    unused: Reason | None = None


def is_flat(root: Path) -> bool:
    """Returns whether image files lie in a folder, and none in any folder below it."""
    try:
        here = sniff.peek(root)
        return here.has_image and not any(
            recognise.holds_image(root / name) for name in here.folders
        )
    except OSError:
        return False  # reading it tells why


class ByImage:
    """Images without labels as a source."""

    def recognises(self, request: Request) -> bool:
        """Returns whether labels are not needed, and none are stated."""
        return (
            not request.rule.needed
            and request.folders.layout == "auto"
            and request.labels.format in (config.AUTO, config.FOLDERS)
            and (
                is_flat(request.root)
                or bool(_spans(request))
                or bool(_splits(request.root, request))
            )
        )

    def scan(self, request: Request, note: unused_files.Note | None = None) -> folder.Listing:
        """Lists the images that lie in the data folder, in its split folders or in its spans.

        Raises:
          errors.DataError: it cannot be read, or settings of a manifest are given.
        """
        by_folder.refuse_manifest_settings(request)
        root, tally, files = request.root, unused_files.Tally(), []
        with label_source.reading(root, "images"):
            spans = _spans(request)
            chosen = span_folders.choose(root, spans, request.folders.spans)
            places = list(_places(request, chosen) if spans else _inside(request, ""))
            outside = Reason.BESIDE_SPANS if spans else Reason.BESIDE_SPLIT_FOLDERS
            for below, entries in walk.walk(root):
                place = next((one for one in places if below.startswith(one.below)), None)
                is_hidden = any(names.is_system(part) for part in below.split("/")[:-1])
                usual = (place.unused or Reason.NO_IMAGE_FILE) if place else outside
                usual = Reason.HIDDEN_OR_SYSTEM if is_hidden else usual
                for entry, row in unused_files.rows(root, below, entries, usual):
                    if place and row.is_image and row.reason is Reason.NO_IMAGE_FILE:
                        files.append(_file(row.path, entry, place))
                        continue
                    tally.add(row)
                    if note:
                        note(row)
        return folder.Listing(
            root=root,
            files=tuple(sorted(files, key=lambda file: file.path)),
            unused=tally,
            splits=_folders(places),
            spans=chosen.window,
            fixed=chosen.fixed,
            incomplete=chosen.incomplete,
            understood=(UNDERSTOOD,),
        )

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Checks a listing; see :func:`data.layout.class_checks.check_images`."""
        class_checks.check_images(listing, request.folders)


def _file(path: str, entry: walk.Entry, place: _Place) -> folder.ImageFile:
    return folder.ImageFile(path, (), place.split, entry.size_bytes, entry.modified_ns, place.span)


def _spans(request: Request) -> Sequence[span_folders.Span]:
    """Returns the spans of a data folder, if it has any and all of them hold images alone."""
    root, settings = request.root, request.folders.spans
    try:
        here = sniff.peek(root)
        found = span_folders.find(root, here.folders, settings, by_class=False)
    except (OSError, errors.DataError):
        return ()  # reading it as class folders tells why
    known = {span.folder for span in found}
    others = [] if settings.pattern != span_folders.AUTO else set(here.folders) - known
    if here.has_image or any(recognise.holds_image(root / name) for name in others):
        return ()
    # A span that is still being written does not show what it holds.
    whole = [
        span for span in found if not settings.complete_only or span_folders.is_complete(root, span)
    ]
    inside = [root / span.folder for span in whole]
    return found if inside and all(is_flat(one) or _splits(one, request) for one in inside) else ()


def _splits(base: Path, request: Request) -> Mapping[str, str]:
    """Returns the folders in a folder that are splits, if all images lie directly in such: name → split."""
    here = sniff.peek(base)
    found = {name: split for name in here.folders if (split := names.split_of(name))}
    if here.has_image or request.folders.accept_class_names or "train" not in found.values():
        return {}
    is_alone = all(
        is_flat(base / name) if name in found else not recognise.holds_image(base / name)
        for name in here.folders
    )
    return found if is_alone else {}


def _places(request: Request, chosen: span_folders.Chosen) -> Iterator[_Place]:
    for span in (*chosen.fixed, *chosen.window):
        yield from _inside(request, f"{span.folder}/", span.number)
    for spans, reason in (
        (chosen.before_window, Reason.SPAN_OUTSIDE_WINDOW),
        (chosen.incomplete, Reason.SPAN_INCOMPLETE),
    ):
        yield from (_Place(f"{span.folder}/", unused=reason) for span in spans)


def _inside(request: Request, below: str, span: int | None = None) -> Iterator[_Place]:
    """Yields the split folders of a folder, or itself."""
    found = _splits(request.root / below, request)
    for name, split in found.items():
        yield _Place(f"{below}{name}/", split, span)
    if not found:
        yield _Place(below, None, span)


def _folders(places: Sequence[_Place]) -> dict[str, list[str]]:
    """Returns the folders that give each split, relative to their spans."""
    found: dict[str, list[str]] = {}
    for place in places:
        name = place.below[:-1].rpartition("/")[2]
        if place.split and name not in found.setdefault(place.split, []):
            found[place.split].append(name)
    return found
