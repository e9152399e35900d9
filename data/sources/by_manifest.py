"""Manifests as the source of labels: a table with a row an image, beside the images or elsewhere.

::

    <root>/metadata.csv, .jsonl, .parquet     found by itself; as in Hugging Face's imagefolder
    <root>/train/metadata.csv, test/…         the same in split folders, which give the splits
    --labels.file FILE, or --data-dir FILE    any manifest, of any format in data/sources/formats

Nothing is copied. Every file below the root is listed, or noted as unused with its reason.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from data import errors, formats
from data.layout import names, sniff, unused, walk
from data.layout.unused import Reason
from data.sources import label_source, manifest_checks, manifest_file, manifest_rows
from data.sources.config import FOLDERS
from data.sources.label_source import Request
from data.sources.row_problems import RowProblems
from data.splits import folder
from data.splits import spans as span_folders

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


class ByManifest:
    """Manifests as a source of labels."""

    def recognises(self, request: Request) -> bool:
        """Returns whether a manifest is given, or lies in the data folder and states labels."""
        if request.labels.file is not None:
            return True
        if request.labels.format == FOLDERS or request.folders.layout != "auto":
            return False
        found = _metadata(request.root)
        return bool(found) and all(_is_meant(part, request) for part in found)

    def scan(self, request: Request, note: unused.Note | None = None) -> folder.Listing:
        """Lists the images that the manifest names.

        Raises:
          errors.DataError: it cannot be read, or rows have problems; names all of them.
        """
        root = request.root
        _check_settings(request)
        rows = manifest_rows.Rows(request)
        parts = _parts(request)
        for part in parts:
            rows.read(part)
        rows.finish()
        tally = unused.Tally()

        def pass_over(row: unused.Unused) -> None:
            tally.add(row)
            if note:
                note(row)

        with label_source.reading(root, "images"):
            for row in _leftovers(root, rows, parts):
                pass_over(row)
        where = ", ".join(part.where for part in parts)
        splits = sorted({file.split for file in rows.files.values() if file.split is not None})
        return folder.Listing(
            root=root,
            files=tuple(sorted(rows.files.values(), key=lambda file: file.path)),
            unused=tally,
            splits={split: [where] for split in splits},
            manifest=where,
            understood=(*rows.understood, *_unlisted(tally, request)),
        )

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Checks a listing; see :func:`data.sources.manifest_checks.check`."""
        manifest_checks.check(listing, request)


def _metadata(root: Path) -> list[manifest_file.Part]:
    """Finds metadata files in the data folder, else in its split folders.

    Raises:
      errors.DataError: several lie in one folder.
    """
    found = [
        part
        for place, split in ((root, None), *_split_folders(root))
        for part in _of_folder(root, place, split)
    ]
    in_root = [part for part in found if part.base == root]
    return in_root or found


def _split_folders(root: Path) -> Iterator[tuple[Path, str]]:
    try:
        folders = walk.folders(root)
    except OSError:
        return
    for name in folders:
        split = names.split_of(name)
        if split:
            yield root / name, split


def _of_folder(root: Path, place: Path, split: str | None) -> Iterator[manifest_file.Part]:
    found = [place / name for name in METADATA if (place / name).is_file()]
    if len(found) > 1:
        raise errors.DataError(
            f"Both {found[0].name} and {found[1].name} lie in {place}; name one: --labels.file"
            f" {found[0]}."
        )
    for path in found:
        yield manifest_file.Part(path, path.relative_to(root).as_posix(), place, split)


def _is_meant(part: manifest_file.Part, request: Request) -> bool:
    """Returns whether a metadata file states labels, or nothing beside it could.

    Class folders often have a file of this name that describes them otherwise.
    """
    if not sniff.peek(part.base).folders:
        return True
    # Needed or not: the names of folders are labels, and a file without any must not take them away.
    problems = RowProblems(part.where)
    try:
        with manifest_file.opened(part, request.labels, problems):
            return True
    except errors.DataError:
        return False


def _parts(request: Request) -> list[manifest_file.Part]:
    file, root = request.labels.file, request.root
    if file is None:
        found = _metadata(root)
        base = request.labels.images_dir
        return [part._replace(base=base or part.base) for part in found]
    place = _in_its_folder(file)
    inside = place.is_relative_to(root.resolve())
    where = place.relative_to(root.resolve()).as_posix() if inside else str(file)
    base = request.labels.images_dir or (file.parent if inside else root)
    return [manifest_file.Part(file, where, base)]


def _in_its_folder(file: Path) -> Path:
    """Returns a file's path with links to folders resolved; it may be a link to another itself."""
    return file.parent.resolve() / file.name


def _check_settings(request: Request) -> None:
    """Refuses what cannot be: folders that are not there, settings of folders of classes."""
    root, images = request.root, request.labels.images_dir
    problems = []
    if not root.is_dir():
        problems.append(f"The data folder {root} does not exist.")
    elif images is not None and not images.is_dir():
        problems.append(f"labels.images_dir is {images}, which is no folder.")
    elif images is not None and not images.resolve().is_relative_to(root.resolve()):
        problems.append(
            f"labels.images_dir {images} lies outside of the data folder {root}; nothing outside of"
            " it is read."
        )
    spans = request.folders.spans
    if (
        spans.window
        or spans.fixed_test
        or spans.pattern
        not in (
            span_folders.AUTO,
            span_folders.NONE,
        )
    ):
        problems.append(
            "ingest.spans.pattern, .window and .fixed_test are about folders that arrive over time;"
            " a manifest has no spans. Leave them out."
        )
    if request.folders.layout != "auto":
        problems.append(
            f"ingest.layout is {request.folders.layout}, which is about the names of folders; the"
            " labels come from a manifest. Leave one out."
        )
    if problems:
        raise errors.DataError(*problems)


def _leftovers(
    root: Path, rows: manifest_rows.Rows, parts: list[manifest_file.Part]
) -> Iterator[unused.Unused]:
    """Yields every file below the root that is not listed; the manifests are no such files."""
    manifests = {os.path.relpath(_in_its_folder(part.path), root.resolve()) for part in parts}
    for below, entries in walk.walk(root, left_out=rows.files):
        others = [one for one in entries if f"{below}{one.name}" not in manifests]
        is_hidden = any(names.is_system(part) for part in below.split("/")[:-1])
        usual = Reason.HIDDEN_OR_SYSTEM if is_hidden else Reason.NOT_IN_MANIFEST
        for _, row in unused.rows(root, below, others, usual):
            reason = rows.passed_over.get(row.path)
            yield row._replace(reason=reason, is_image=True) if reason else row


def _unlisted(tally: unused.Tally, request: Request) -> Iterator[str]:
    count = tally.images[Reason.NOT_IN_MANIFEST]
    if count and request.labels.unlisted == "warn":
        yield (
            f"{formats.plural(count, 'image file')} that the manifest does not name; --labels.unlisted"
            " refuse or ignore"
        )
