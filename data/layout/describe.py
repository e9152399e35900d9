"""Describes how a data folder was interpreted, in a few lines for people."""

from collections import Counter
from collections.abc import Iterable

from data import formats
from data.layout.unused import EXPECTED, TEXTS, Reason
from data.splits import folder, split

SHOWN_CLASSES = 12
SHOWN_FOLDERS = 3


def lines(listing: folder.Listing) -> list[str]:
    """Describes a listing on at most a screen: classes, splits, spans, unused files."""
    names, files = listing.class_names, formats.plural(len(listing.files), "file")
    if names or not listing.files:
        files = f"{formats.plural(len(names), 'class', 'classes')}, {files}"
    described = [f"{listing.root}: {files}"]
    described += [f"  {line}" for line in listing.understood]
    counts = folder.label_counts(listing.files)
    shown = [f"{name} {counts[name]:,}" for name in names[:SHOWN_CLASSES]]
    if len(names) > SHOWN_CLASSES:
        rest = sum(counts[name] for name in names[SHOWN_CLASSES:])
        shown.append(f"and {len(names) - SHOWN_CLASSES:,} more with {rest:,}")
    if names or not listing.files:
        described.append(f"  classes: {', '.join(shown) or 'none'}")
    described.append(f"  splits:  {splits(listing)}")
    if listing.boxes:
        described += [f"  {line}" for line in listing.boxes.lines()]
    if listing.spans:
        described.append(f"  spans:   {_spans(listing)}")
    described += [
        f"  {name} is one class, of folders whose names differ only in their Unicode form"
        for name in listing.spellings
    ]
    if listing.unused.total:
        described.append(f"  not used: {unused(listing)}")
        described += [f"    {line}" for line in reasons(listing)]
    return [folder.printable(line) for line in described]


def reasons(listing: folder.Listing, among: Iterable[Reason] = tuple(Reason)) -> list[str]:
    """Returns for each reason how many files are not used, with a few examples."""
    tally = listing.unused
    return [
        f"{TEXTS[reason]}: {tally.files[reason]:,}"
        f" ({_some(tally.examples[reason], tally.files[reason])})"
        for reason in among
        if tally.files[reason]
    ]


def lost_share(listing: folder.Listing) -> float:
    """Returns the share of image files that are unused without a setting or convention."""
    lost = listing.unused.lost_images
    return lost / (len(listing.files) + lost) if lost else 0.0


def lost_reasons(listing: folder.Listing) -> list[Reason]:
    """Returns the reasons why image files are unused."""
    images = listing.unused.images
    return [reason for reason in Reason if images[reason] and reason not in EXPECTED]


def splits(listing: folder.Listing) -> str:
    """Describes in a line where the splits come from."""
    given = listing.given_splits
    if not given:
        return "made by the pipeline"
    counts = Counter(file.split for file in listing.files)
    parts = [
        f"{name} {counts[name]:,} in {', '.join(listing.splits.get(name, []))}"
        for name in split.SPLITS
        if name in given
    ]
    made = [name for name in split.SPLITS if name not in given and name != "train"]
    if made and "train" in given:
        parts.append(f"{' and '.join(made)} taken out of train")
    return "; ".join(parts)


def _spans(listing: folder.Listing) -> str:
    first, last = listing.spans[0].folder, listing.spans[-1].folder
    line = first if first == last else f"{len(listing.spans):,}, {first} to {last}"
    if listing.fixed:
        line += f"; test images also of {', '.join(span.folder for span in listing.fixed[:3])}"
    return line


def unused(listing: folder.Listing) -> str:
    """Describes in a line how many files are not used."""
    line = formats.plural(listing.unused.total, "file")
    lost = listing.unused.lost_images
    if lost:
        line += f", {lost:,} of them image files ({formats.percent(lost_share(listing))} of all)"
    return line


def _some(paths: list[str], count: int) -> str:
    shown = paths[:SHOWN_FOLDERS]
    return ", ".join(shown) + (", …" if count > len(shown) else "")
