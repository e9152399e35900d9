"""Checks whether a listing can make a classifier; each refusal states the problem and a remedy."""

import json
import math
import shlex
from collections.abc import Callable, Iterable

from data import errors, formats
from data.layout import config as folder_config
from data.layout import describe, names, recognise, sniff
from data.layout.unused import Reason
from data.splits import folder
from data.splits import spans as span_folders

NAMED = 5  # the most classes or folders that a message names


def check(
    listing: folder.Listing, config: folder_config.FolderConfig = folder_config.DEFAULT
) -> None:
    """Refuses a listing that cannot make a classifier, or that leaves out images unintentionally.

    Args:
      listing: of the data folder.
      config: the settings it was listed with.

    Raises:
      errors.DataError: with every problem found.
    """
    if not listing.files:
        raise errors.DataError(_nothing(listing), *_closed(listing, config))
    found: Iterable[Callable[[folder.Listing, folder_config.FolderConfig], list[str]]]
    for_boxes = (_garbled, _no_train, _closed, _lost_images)
    for_classes = (
        _garbled,
        _one_class,
        _no_train,
        _doubtful_names,
        _splits_in_classes,
        _closed,
        missing_classes,
        _beside_spans,
        _lost_images,
    )
    found = for_boxes if listing.boxes else for_classes
    problems = [problem for one in found for problem in one(listing, config)]
    if problems:
        raise errors.DataError(*problems)


def only_folder(listing: folder.Listing) -> str:
    """Returns the path of the one class folder; empty where there are several, spans or splits."""
    alone = len(listing.class_names) == 1 and not listing.splits and not listing.spans
    return listing.files[0].path.partition("/")[0] if alone else ""


def check_images(
    listing: folder.Listing, config: folder_config.FolderConfig = folder_config.DEFAULT
) -> None:
    """Refuses a listing of images without labels that leaves out images unintentionally.

    Raises:
      errors.DataError: with every problem found.
    """
    problems = [problem for one in (_closed, _lost_images) for problem in one(listing, config)]
    if problems:
        raise errors.DataError(*problems)


def _layouts(listing: folder.Listing) -> str:
    root = listing.root
    return f"Expected {root}/<class>/… or {root}/{{train,val,test}}/<class>/…."


def _nothing(listing: folder.Listing) -> str:
    if listing.incomplete:
        waiting = ", ".join(span.folder for span in listing.incomplete[:3])
        reason = f"; no {span_folders.MARKER} is in {waiting} yet"
    else:
        reason = _not_used(listing)
    return (
        f"The data folder {listing.root} holds no image in a class folder{reason}."
        f" {_layouts(listing)}{_advice(listing)}"
    )


def _not_used(listing: folder.Listing) -> str:
    rows = describe.reasons(listing)
    return folder.printable(f"; not used are files {'; '.join(rows)}") if rows else ""


def _advice(listing: folder.Listing) -> str:
    counts = listing.unused.files
    advice = ""
    if counts[Reason.EXTRA_NOT_INSTALLED]:
        advice += " For HEIC: pip install pillow-heif (the extra heif)."
    if counts[Reason.LINK_NOT_FOLLOWED]:
        advice += " Links are not followed: put copies there."
    shown = [path for paths in listing.unused.examples.values() for path in paths]
    archives = [path for path in shown if names.is_archive(path)]
    if archives and not listing.files:
        advice += f" Unpack {folder.printable(archives[0])} first."
    return advice


def _garbled(listing: folder.Listing, _: folder_config.FolderConfig) -> list[str]:
    garbled = [
        folder.printable(name) for name in listing.class_names if folder.printable(name) != name
    ]
    if not garbled:
        return []
    return [
        f"The names of the class folders {', '.join(garbled)} in {listing.root} are not UTF-8; the"
        " model returns them as text, so rename the folders. File names may be any bytes."
    ]


def _one_class(listing: folder.Listing, _: folder_config.FolderConfig) -> list[str]:
    class_names = listing.class_names
    if len(class_names) > 1:
        return []
    top = listing.files[0].path.partition("/")[0]
    hint = ""
    if not listing.splits and not listing.spans:
        inside = listing.root / top
        classes = [
            name for name in sniff.peek(inside).folders if recognise.holds_image(inside / name)
        ]
        hint = f" Did you mean --data-dir {inside}?" if len(classes) > 1 else ""
    return [
        f"The data folder {listing.root} holds images of one class, {class_names[0]!r}; a"
        f" classifier needs at least two{_not_used(listing)}. {_layouts(listing)}{hint}{_advice(listing)}"
    ]


def _no_train(listing: folder.Listing, _: folder_config.FolderConfig) -> list[str]:
    if not listing.given_splits or "train" in listing.given_splits:
        return []
    folders = ", ".join(listing.splits.get("train", ["train"]))
    return [f"The split folder {listing.root}/{folders} holds no image in a class folder."]


def _doubtful_names(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    accepted = config.accept_class_names or config.layout == "classes"
    if accepted or len(listing.class_names) < 2:
        return []
    problems = []
    for doubt in names.Doubt:
        found = [name for name in listing.class_names if names.doubt(name) is doubt]
        if not found:
            continue
        meant = _MEANT[doubt] if doubt is not names.Doubt.SPLIT or not listing.splits else ""
        would, them = "would be a class, but is", "it"
        if len(found) > 1:
            would, them = "would be classes, but are", "them"
        problems.append(
            f"{_named(found)} in {listing.root} {would} named like {doubt.value}.{meant} To keep"
            f" {them}: --ingest.accept-class-names true; to leave {them}"
            f" out: {_exclude(found)}."
        )
    return problems


_MEANT = {
    names.Doubt.SPLIT: " A split holds class folders, train/<class>/…, and there must be one for"
    " train.",
    names.Doubt.DATE: " A span holds class folders, 2031-05-01/<class>/…, and no image itself; so"
    " must all folders with such names.",
    names.Doubt.ARCHIVE: "",
    names.Doubt.CONTAINER: "",
}


def _splits_in_classes(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    """Returns a problem for split folders below classes, whose images would be merged."""
    if config.accept_class_names or config.layout == "classes":
        return []
    depth = 1 if listing.spans else 0
    found: dict[str, set[str]] = {}
    for file in listing.files if not listing.splits else ():
        parts = file.path.split("/")[depth:]
        split = names.split_of(parts[1]) if len(parts) > 2 else None
        if split:
            found.setdefault(split, set()).add(f"{parts[0]}/{parts[1]}")
    if not found:
        return []
    return [
        f"Folders in {listing.root} that are named like splits lie below what would be classes:"
        f" {_named(sorted(set().union(*found.values())))}. Splits are read as train/<class>/…; put"
        " the classes below them. To merge all images of a class: --ingest.layout classes."
    ]


def _closed(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    if not listing.closed or config.max_unused_share == 1:
        return []
    problems = []
    for reason, what, way in (
        (
            Reason.LINK_NOT_FOLLOWED,
            "a link to a folder; links are not followed",
            "Put a copy there",
        ),
        (Reason.FOLDER_UNREADABLE, "a folder that cannot be listed", "Change its permissions"),
    ):
        paths = [row.path for row in listing.closed if row.reason is reason]
        if paths:
            last = [path.rpartition("/")[2] for path in paths]
            problems.append(
                f"{_named(paths)} in {listing.root} is {what}. {way}, or leave it out:"
                f" {_exclude(last)}."
            )
    return problems


def missing_classes(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    """Returns a sentence for each given split that lacks classes of another one."""
    if config.allow_missing_classes:
        return []
    found: dict[str, set[str]] = {}
    for file in listing.files:
        if file.split is not None:
            found.setdefault(file.split, set()).update(file.labels)
    every = set().union(*found.values()) if found else set()
    problems = [
        f"The {split} {'split' if listing.manifest else 'folder'} of {listing.root} lacks"
        f" {_named(sorted(every - present))}, which other split{'s' if listing.manifest else ' folders'} have."
        for split, present in sorted(found.items())
        if every - present
    ]
    if problems:
        problems.append(
            f"Is a {'label' if listing.manifest else 'folder'} misspelt? --ingest.allow-missing-classes true continues without them."
        )
    return problems


def _beside_spans(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    if not _is_mixed(listing, config):
        return []
    beside, spans = Reason.BESIDE_SPANS, listing.spans or listing.incomplete
    (unused,) = describe.reasons(listing, [beside])
    return [
        f"The data folder {listing.root} holds spans ({_named([span.folder for span in spans])})"
        f" and images beside them: {folder.printable(unused)}. Move those into a span of their own;"
        " or continue with only the spans: --ingest.spans.pattern with their pattern, such as"
        f" '{{YYYY}}-{{MM}}-{{DD}}', and --ingest.max-unused-share {enough(listing)}."
    ]


def _is_mixed(listing: folder.Listing, config: folder_config.FolderConfig) -> bool:
    guessed = config.spans.pattern == span_folders.AUTO
    return guessed and bool(listing.unused.images[Reason.BESIDE_SPANS])


def _lost_images(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    share = describe.lost_share(listing)
    if share <= config.max_unused_share or _is_mixed(listing, config):
        return []
    reasons = describe.lost_reasons(listing)
    unused = "; ".join(describe.reasons(listing, reasons))
    hint = ""
    if Reason.BESIDE_SPLIT_FOLDERS in reasons:
        first = listing.splits.get("train", ["train"])[0]
        hint = f" If {first} is a class and not a split: --ingest.layout classes."
    lost = listing.unused.lost_images
    way = "Put them into class folders" if listing.class_names else "Put them beside the others"
    if listing.boxes:
        way = "Use them as images without objects, --ingest.boxes.images-without-annotation true"
    return [
        f"{lost:,} of {len(listing.files) + lost:,} image files in {listing.root} ({formats.percent(share)})"
        f" would not be used, more than ingest.max-unused-share"
        f" ({formats.percent(config.max_unused_share)}): {folder.printable(unused)}. {way},"
        f" or continue without them: --ingest.max-unused-share {enough(listing)}."
        f"{hint}{_advice(listing)}"
    ]


def enough(listing: folder.Listing) -> str:
    """Returns the smallest bound, in whole percents, that accepts a listing."""
    return f"{math.ceil(describe.lost_share(listing) * 100) / 100:g}"


def _named(found: list[str]) -> str:
    shown = ", ".join(repr(folder.printable(name)) for name in found[:NAMED])
    return f"{shown} and {len(found) - NAMED:,} more" if len(found) > NAMED else shown


def _exclude(found: list[str]) -> str:
    shown = [folder.printable(name) for name in found]
    plain = all(name and not set(name) & set(',"[') for name in shown)
    value = ",".join(shown) if plain else json.dumps(shown, ensure_ascii=False)
    return f"--ingest.exclude-classes {shlex.quote(value)}"
