"""The label sources, and the one that reads a data folder. A new one is a line in ALL."""

from pathlib import Path

from data import errors
from data.layout import config as folder_config
from data.layout import describe, mask_checks, unused
from data.sources import by_boxes, by_folder, by_image, by_manifest, by_mask
from data.sources import config as label_config
from data.sources.label_source import ONE, LabelRule, LabelSource, Request
from data.splits import folder

# The first that recognises its own reads it; class folders are what else it may be.
ALL: tuple[LabelSource, ...] = (
    by_mask.ByMask(),
    by_boxes.ByBoxes(),
    by_manifest.ByManifest(),
    by_image.ByImage(),
    by_folder.ByFolder(),
)


def request(
    data_dir: Path,
    folders: folder_config.FolderConfig = folder_config.DEFAULT,
    labels: label_config.LabelsConfig = label_config.DEFAULT,
    rule: LabelRule = ONE,
) -> Request:
    """Works out the data folder and the manifest.

    Args:
      data_dir: the data folder, or a manifest; then the data folder is the manifest's own, or
        ``labels.images_dir`` if that lies elsewhere.
      folders: how its folders are interpreted.
      labels: where the labels are.
      rule: how many labels an image may have.

    Raises:
      errors.ConfigError: two manifests are given.
    """
    if not data_dir.is_file():
        return Request(data_dir, folders, labels, rule)
    if labels.file is not None and labels.file.resolve() != data_dir.resolve():
        raise errors.ConfigError(
            f"data_dir is the file {data_dir}, and labels.file is another, {labels.file}; give the"
            " folder of the images as --data-dir."
        )
    root, images = data_dir.parent, labels.images_dir
    if images is not None and not images.resolve().is_relative_to(root.resolve()):
        root = images
    return Request(root, folders, labels.model_copy(update={"file": data_dir}), rule)


def scan(asked: Request, note: unused.Note | None = None) -> folder.Listing:
    """Lists the images with their labels.

    Args:
      asked: what is to be listed.
      note: called with each file that is not used.

    Raises:
      errors.DataError: the data cannot be read, or contradicts itself.
    """
    return _source(asked).scan(asked, note)


def check(listing: folder.Listing, asked: Request) -> None:
    """Refuses a listing that no model can be trained on.

    Raises:
      errors.DataError: with every problem found.
    """
    _source(asked).check(listing, asked)


def lines(listing: folder.Listing) -> list[str]:
    """Describes how a listing was understood, in a few lines for people."""
    return mask_checks.lines(listing) if listing.masks else describe.lines(listing)


def absolute(labels: label_config.LabelsConfig) -> label_config.LabelsConfig:
    """Returns settings whose paths do not depend on the working directory.

    A manifest that is a link stays one: it may lead to a newer file next time.
    """
    paths = {
        name: value.parent.resolve() / value.name
        for name in ("file", "images_dir")
        if (value := getattr(labels, name)) is not None
    }
    return labels.model_copy(update=paths)


def _source(asked: Request) -> LabelSource:
    return next(one for one in ALL if one.recognises(asked))
