"""Masks as the source of annotations: folders of images beside folders of masks.

The layouts are those of :mod:`data.masks.pairs`. Every file without a partner is noted as unused with its
reason. Of images only names and sizes are read; masks are described, to understand their values.
"""

import os
from pathlib import Path

from data import errors
from data.files import user_files
from data.images import decode_config
from data.layout import config as folder_config
from data.layout import mask_checks, names, walk
from data.layout import unused as unused_files
from data.layout.unused import Reason
from data.masks import VOID, class_list, encoding, pairs, polygon_files, shapes, understanding
from data.sources import label_source
from data.sources.label_source import Request
from data.splits import folder

_LIST_BYTES = 64 << 20
_VOC = {"train": "train", "val": "eval", "test": "test"}


def scan(
    root: str | Path,
    config: folder_config.FolderConfig = folder_config.DEFAULT,
    note: unused_files.Note | None = None,
    known: encoding.Encoding | None = None,
) -> folder.Listing:
    """Lists a data folder of images and masks.

    Args:
      root: the data folder.
      config: how it is interpreted.
      note: called with each file that is not used.
      known: what the masks' values mean, if that was decided before; else masks are described.

    Raises:
      errors.DataError: the root is no folder or cannot be read, there is no pair, or the masks'
        values cannot be understood.
    """
    root = Path(root)
    with label_source.reading(root, "images and masks"):
        entries, tally, unused = _walk(root)
    found = pairs.find(entries, _voc_lists(root))
    outlines = None
    if not found.pairs:
        others = [row.path for row in unused if row.reason is Reason.NO_IMAGE_FILE]
        outlines = polygon_files.find(root, list(entries), others)
    if outlines:
        return _of_outlines(root, outlines, entries, unused, note)
    unused += [unused_files.Unused(path, why, True) for path, why in found.troubles.items()]
    for row in unused:
        tally.add(row)
        if note:
            note(row)
    files = tuple(_file(pair, entries) for pair in found.pairs)
    understood = None
    if files:
        understood = _understood(root, files, config, known)
    return folder.Listing(
        root=root, files=files, unused=tally, splits=_splits(found.pairs), masks=understood
    )


class ByMask:
    """Masks as a source of annotations."""

    def recognises(self, request: Request) -> bool:
        """Returns whether each pixel has a class."""
        return request.rule.annotates == "pixels"

    def scan(self, request: Request, note: unused_files.Note | None = None) -> folder.Listing:
        """Lists a data folder; see :func:`scan`.

        Raises:
          errors.DataError: as there, or a manifest is given, which has no masks.
        """
        if request.labels.file is not None:
            raise errors.DataError(
                f"{request.labels.file} is a manifest, which gives labels to whole images; give a"
                " folder of images and masks as --data-dir, without labels.file."
            )
        return scan(request.root, request.folders, note, request.masks)

    def check(self, listing: folder.Listing, request: Request) -> None:
        """Checks a listing; see :func:`data.layout.mask_checks.check`."""
        mask_checks.check(listing, request.folders)


def _of_outlines(
    root: Path,
    outlines: polygon_files.Outlines,
    entries: dict[str, walk.Entry],
    unused: list[unused_files.Unused],
    note: unused_files.Note | None,
) -> folder.Listing:
    """Lists the images that annotation files of outlines name."""
    source = outlines.source
    files = tuple(
        folder.ImageFile(
            path=path,
            labels=(),
            split=outlines.splits.get(path),
            size_bytes=entries[path].size_bytes,
            modified_ns=entries[path].modified_ns,
            mask=folder.MaskFile(source, 0, 0, outlines.by_image[path].to_json()),
        )
        for path in sorted(outlines.by_image)
    )
    rest = [path for path in entries if path not in outlines.by_image]
    unused = [row for row in unused if row.reason is not Reason.NO_IMAGE_FILE]
    unused += [unused_files.Unused(path, Reason.IMAGE_WITHOUT_MASK, True) for path in rest]
    tally = unused_files.Tally()
    for row in unused:
        tally.add(row)
        if note:
            note(row)
    classes = dict(enumerate([shapes.BACKGROUND, *outlines.classes]))
    meaning = encoding.Encoding(
        kind=encoding.INDEX,
        classes=classes,
        void=[VOID],
        max_snapped_share=0.0,
        sentence=f"drawn from outlines; {len(outlines.classes)} classes and background",
    )
    understood = understanding.Understood(
        meaning, source, len(files), len(files), {}, tuple(outlines.problems)
    )
    splits: dict[str, set[str]] = {}
    for path, split in outlines.splits.items():
        splits.setdefault(split, set()).add(path.rpartition("/")[0])
    return folder.Listing(
        root=root,
        files=files,
        unused=tally,
        splits={split: sorted(here) for split, here in splits.items()},
        masks=understood if files else None,
    )


def _walk(
    root: Path,
) -> tuple[dict[str, walk.Entry], unused_files.Tally, list[unused_files.Unused]]:
    """Returns the image files by path, and the other files with reasons."""
    entries: dict[str, walk.Entry] = {}
    unused = []
    lists = {*class_list.FILES, *class_list.CSV_FILES}
    for below, here in walk.walk(root):
        hidden = any(names.is_system(part) for part in below.split("/")[:-1])
        for entry in here:
            path = f"{below}{entry.name}"
            if hidden or names.is_system(entry.name):
                unused.append(unused_files.Unused(path, Reason.HIDDEN_OR_SYSTEM, False))
            elif entry.is_folder:
                why = Reason.LINK_NOT_FOLLOWED if entry.is_link else Reason.FOLDER_UNREADABLE
                unused.append(unused_files.Unused(path, why, False))
            elif names.has_image_suffix(entry.name):
                entries[path] = entry
            elif entry.name.lower() not in lists:
                unused.append(unused_files.Unused(path, Reason.NO_IMAGE_FILE, False))
    return entries, unused_files.Tally(), unused


def _file(pair: pairs.Pair, entries: dict[str, walk.Entry]) -> folder.ImageFile:
    image, mask = entries[pair.image], entries[pair.mask]
    return folder.ImageFile(
        path=pair.image,
        labels=(),
        split=pair.split,
        size_bytes=image.size_bytes,
        modified_ns=image.modified_ns,
        mask=folder.MaskFile(pair.mask, mask.size_bytes, mask.modified_ns),
    )


def _understood(
    root: Path,
    files: tuple[folder.ImageFile, ...],
    config: folder_config.FolderConfig,
    known: encoding.Encoding | None,
) -> understanding.Understood:
    masks = [file.mask.path for file in files if file.mask]
    if known is not None:
        return understanding.Understood(known, "", 0, len(masks), {})
    limits = decode_config.DecodeConfig()
    if isinstance(config, decode_config.DecodeConfig):
        limits = config.decoding()
    # Starting a process costs more than describing some hundred masks.
    decoders = min(os.cpu_count() or 1, 1 + len(masks) // 500)
    return understanding.understand(root, masks, limits, config.masks, decoders)


def _splits(found: list[pairs.Pair]) -> dict[str, list[str]]:
    """Maps each split that the layout gives to the folders of its images."""
    folders: dict[str, set[str]] = {}
    for pair in found:
        if pair.split:
            folders.setdefault(pair.split, set()).add(pair.image.rpartition("/")[0])
    return {split: sorted(here) for split, here in folders.items()}


def _voc_lists(root: Path) -> dict[str, list[str]]:
    """Reads the lists of splits of Pascal VOC, if there are any."""
    found = {}
    for name, split in _VOC.items():
        path = f"{pairs.VOC_LISTS}{name}.txt"
        if (root / path).is_file():
            content = user_files.read(str(root), path, _LIST_BYTES)
            if isinstance(content, bytes):
                found[split] = content.decode("utf-8", "replace").split()
    return found
