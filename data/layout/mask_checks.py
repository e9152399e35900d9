"""Checks whether a listing of images and masks can make a model; says how it was understood."""

import re
from collections import Counter

from data import errors, formats
from data.layout import class_checks, describe
from data.layout import config as folder_config
from data.splits import folder

# Names of consecutive frames: the same text before a number.
_NUMBERED = re.compile(r"(.*?)(\d{2,})$")
_SEQUENCE_SHARE = 0.5


def check(
    listing: folder.Listing, config: folder_config.FolderConfig = folder_config.DEFAULT
) -> None:
    """Refuses a listing that cannot make a model, or that leaves out images unintentionally.

    Raises:
      errors.DataError: with every problem found.
    """
    root = listing.root
    if not listing.files:
        unused = "; ".join(describe.reasons(listing))
        raise errors.DataError(
            f"The data folder {root} holds no image with a mask"
            f"{folder.printable(f'; not used are files {unused}') if unused else ''}. Expected"
            f" {root}/images/… beside {root}/masks/…, or one of the other layouts in docs/data.md."
        )
    problems = []
    if len(listing.class_names) < 2:
        problems.append(
            f"The masks in {root} have one class, {listing.class_names[0]!r}; there is nothing to"
            " learn from a single one."
        )
    if listing.given_splits and "train" not in listing.given_splits:
        problems.append(f"No split folder of {root} is one to train on; there must be a train.")
    problems += _lost(listing, config)
    if problems:
        raise errors.DataError(*problems)


def lines(listing: folder.Listing) -> list[str]:
    """Describes a listing on at most a screen: classes, masks, splits, unused files."""
    names = listing.class_names
    described = [
        f"{listing.root}: {formats.plural(len(listing.files), 'image')} with masks,"
        f" {formats.plural(len(names), 'class', 'classes')}"
    ]
    shown = ", ".join(names[: describe.SHOWN_CLASSES])
    more = len(names) - describe.SHOWN_CLASSES
    described.append(f"  classes: {shown}{f' and {more:,} more' if more > 0 else ''}")
    if listing.masks:
        where = f" (names from {listing.masks.class_file})" if listing.masks.class_file else ""
        described.append(f"  masks:   {listing.masks.encoding.sentence}{where}")
        for path, why in list(listing.masks.rejected.items())[: describe.SHOWN_FOLDERS]:
            described.append(f"    {path} cannot be read: {why.reason} {why.detail}".rstrip())
        left_out = listing.masks.problems
        if left_out:
            described.append(
                f"  left out: {formats.plural(len(left_out), 'shape')} that cannot be drawn"
            )
            described += [f"    {row}" for row in left_out[: describe.SHOWN_FOLDERS]]
    described.append(f"  splits:  {describe.splits(listing)}")
    described += [f"  {hint}" for hint in sequence_hint(listing)]
    if listing.unused.total:
        described.append(f"  not used: {describe.unused(listing)}")
        described += [f"    {line}" for line in describe.reasons(listing)]
    return [folder.printable(line) for line in described]


def sequence_hint(listing: folder.Listing) -> list[str]:
    """Suggests groups where names look like those of consecutive frames and nothing keeps them together.

    Consecutive frames of a film look alike: in different splits, the test split tells nothing.
    """
    if listing.given_splits >= {"train", "test"}:
        return []
    stems = [file.path.rpartition("/")[2].rpartition(".")[0] for file in listing.files]
    found = [_NUMBERED.fullmatch(stem) for stem in stems]
    prefixes = Counter(match[1] for match in found if match and match[1])
    long = sum(count for count in prefixes.values() if count >= 10)
    if not stems or long < _SEQUENCE_SHARE * len(stems):
        return []
    return [
        "names look like frames of a film, which look alike: split them by hand, or keep those of a"
        " film together by --ingest.split.group-pattern, such as '([^/]*?)[0-9]+[.]'"
    ]


def _lost(listing: folder.Listing, config: folder_config.FolderConfig) -> list[str]:
    share = describe.lost_share(listing)
    if share <= config.max_unused_share:
        return []
    unused = "; ".join(describe.reasons(listing, describe.lost_reasons(listing)))
    lost = listing.unused.lost_images
    return [
        f"{lost:,} of {len(listing.files) + lost:,} image files in {listing.root}"
        f" ({formats.percent(share)}) would not be used, more than ingest.max-unused-share"
        f" ({formats.percent(config.max_unused_share)}): {folder.printable(unused)}. Give each image"
        f" its mask, or continue without them: --ingest.max-unused-share {class_checks.enough(listing)}."
    ]
