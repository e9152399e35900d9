"""Checks whether what a manifest names can make a model; each refusal states a remedy."""

from data import errors, formats
from data.layout import class_checks
from data.layout.unused import Reason
from data.sources.label_source import Request
from data.splits import folder

# Of more classes than this, half of which have one image, the label column is doubted.
_MANY_CLASSES = 100


def check(listing: folder.Listing, request: Request) -> None:
    """Refuses a listing that no model can be trained on.

    Raises:
      errors.DataError: with every problem found.
    """
    if not listing.files:
        raise errors.DataError(f"{_manifest(listing)} names no image that has a label.")
    problems = [
        *_few_classes(listing, request),
        *_many_classes(listing),
        *_no_train(listing),
        *class_checks.missing_classes(listing, request.folders),
        *_unlisted(listing, request),
    ]
    if problems:
        raise errors.DataError(*problems)


def _manifest(listing: folder.Listing) -> str:
    return f"The manifest {listing.manifest} of {listing.root}"


def _few_classes(listing: folder.Listing, request: Request) -> list[str]:
    class_names = listing.class_names
    if request.rule.per_image == "one" and len(class_names) == 1:
        return [
            f"{_manifest(listing)} has one label, {class_names[0]!r}; a classifier needs at least"
            " two."
        ]
    if class_names or not request.rule.needed:
        return []
    return [f"{_manifest(listing)} gives no image a label."]


def _many_classes(listing: folder.Listing) -> list[str]:
    """Doubts a column of labels that has nearly as many values as images."""
    counts = folder.label_counts(listing.files)
    alone = sum(count == 1 for count in counts.values())
    if len(counts) <= _MANY_CLASSES or 2 * alone < len(counts):
        return []
    return [
        f"{_manifest(listing)} has {len(counts):,} labels, {alone:,} of them on a single image. Is"
        " this the column of the labels? Another is named by --labels.label-column; to leave labels"
        " out: --ingest.exclude-classes."
    ]


def _no_train(listing: folder.Listing) -> list[str]:
    if any(file.split in (None, "train") for file in listing.files):
        return []
    return [f"{_manifest(listing)} has no row for training: all are in {_splits(listing)}."]


def _splits(listing: folder.Listing) -> str:
    return " and ".join(sorted(listing.given_splits))


def _unlisted(listing: folder.Listing, request: Request) -> list[str]:
    count = listing.unused.images[Reason.NOT_IN_MANIFEST]
    if request.labels.unlisted != "refuse" or not count:
        return []
    some = ", ".join(
        folder.printable(path) for path in listing.unused.examples[Reason.NOT_IN_MANIFEST]
    )
    return [
        f"{_manifest(listing)} does not name {formats.plural(count, 'image file')} ({some}), and"
        " labels.unlisted is refuse."
    ]
