"""Finds the mask of each image by the names of folders and files. Reads no file's pixels.

::

    images/a.jpg            masks/a.png             also labels/, annotations/, Ground_Truth/ …
    images/a.jpg            masks/a_mask.png        suffixes of masks: _mask, _P, _L, _gt …
    train/images/a.jpg      train/masks/a.png       split folders outside …
    images/train/a.jpg      masks/train/a.png       … or inside
    train/a.png             trainannot/a.png        CamVid
    JPEGImages/a.jpg        SegmentationClass/a.png Pascal VOC; ImageSets/Segmentation/train.txt
    a.jpg                   a_mask.png              beside each other

A key is what is left of a path without the folders of images and masks, the suffix and the format:
an image and a mask with the same key belong together.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from data.layout import names
from data.layout.unused import Reason

VOC_LISTS = "ImageSets/Segmentation/"
_MASK_WORDS = frozenset(
    {"mask", "masks", "label", "labels", "annotation", "annotations", "annot", "annots", "gt"}
    | {
        "groundtruth",
        "gtfine",
        "segmentation",
        "segmentations",
        "segmentationclass",
        "labelids",
        "ann",
    }
)
_IMAGE_WORDS = frozenset(
    {
        "image",
        "images",
        "img",
        "imgs",
        "jpegimages",
        "leftimg8bit",
        "photos",
        "input",
        "inputs",
        "rgb",
        "original",
    }
)
# Of Pascal VOC and Cityscapes: other annotations beside the masks.
_PASSED_OVER = frozenset({"segmentationobject", "instances", "instance", "instanceids"})
_MASK_SUFFIX = re.compile(
    r"(?i)[-_. ](masks?|p|l|gt|labels?|labelids|seg|segmentation|annot|annotation|gtfine_labelids)$"
)
_IMAGE_SUFFIX = re.compile(r"(?i)[-_. ](image|img|sat|leftimg8bit|rgb)$")
_ANNOT = re.compile(r"(?i)^(.+?)[-_ ]?(annot|annots|masks?|labels?|gt|annotations?)$")


class Pair(NamedTuple):
    """An image and its mask, by their paths; ``split`` is None where the layout gives none."""

    image: str
    mask: str
    split: str | None


@dataclass
class Pairs:
    """The pairs of a folder.

    Attributes:
      pairs: sorted by the path of the image.
      troubles: path → why the file is in no pair.
      mask_folders: the folders that masks lie in, for what is told of the layout.
    """

    pairs: list[Pair] = field(default_factory=list)
    troubles: dict[str, Reason] = field(default_factory=dict)
    mask_folders: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Name:
    path: str
    key: tuple[str, ...]
    split: str | None
    suffixed: str = ""  # the stem without a mask's suffix, if it has one


def find(paths: Iterable[str], lists: Mapping[str, Iterable[str]] | None = None) -> Pairs:
    """Finds the pairs.

    Args:
      paths: of all image files, relative to the data folder, with forward slashes.
      lists: split → stems of its images, from Pascal VOC's lists; they have priority.
    """
    images: dict[tuple[str, ...], list[_Name]] = defaultdict(list)
    masks: dict[tuple[str, ...], list[_Name]] = defaultdict(list)
    found = Pairs()
    all_paths = sorted(paths)
    folders = {part for path in all_paths for part in path.split("/")[:-1]}
    for path in all_paths:
        parts = path.split("/")
        if any(_plain(part) in _PASSED_OVER for part in parts[:-1]):
            found.troubles[path] = Reason.OTHER_ANNOTATION
            continue
        is_mask, name = _name(path, folders)
        (masks if is_mask else images)[name.key].append(name)
    if not masks:
        _beside(images, masks)
    _match(images, masks, found)
    split_of = {stem: split for split, stems in (lists or {}).items() for stem in stems}
    if split_of:
        found.pairs = [
            pair._replace(split=split_of.get(pair.image.rpartition("/")[2].rpartition(".")[0]))
            for pair in found.pairs
        ]
    found.mask_folders = sorted({pair.mask.rpartition("/")[0] for pair in found.pairs})
    return found


def looks_paired(paths: Iterable[str]) -> bool:
    """Returns whether names alone suggest images with masks, to offer this task to a user."""
    found = find(paths)
    return len(found.pairs) > 0 and len(found.troubles) <= len(found.pairs)


def _plain(part: str) -> str:
    return re.sub(r"[^a-z0-9]", "", part.casefold())


def _name(path: str, folders: set[str]) -> tuple[bool, _Name]:
    """Returns whether a path is a mask's by its folders, and its key."""
    *parts, file = path.split("/")
    stem = file.rpartition(".")[0] or file
    is_mask, split, kept = False, None, []
    for part in parts:
        plain = _plain(part)
        annotated = _ANNOT.match(part)
        if annotated and annotated[1] in folders and annotated[1] != part:
            # trainannot beside train, or car_masks beside car: the folder without its ending.
            is_mask, part = True, annotated[1]
            plain = _plain(part)
        words = re.findall(r"[a-z]+", part.casefold().replace("_", " "))
        if plain in _MASK_WORDS or (len(words) > 1 and words[-1] in _MASK_WORDS):
            is_mask = True
            rest = [word for word in words if word not in _MASK_WORDS]
            split = names.split_of(" ".join(rest)) or split
            continue
        given = names.split_of(part)
        split = given or split
        if given:
            kept.append(given)  # train and training are the same place
        elif plain not in _IMAGE_WORDS:
            kept.append(part)
    if is_mask and split and split not in kept:
        kept.append(split)
    stem = _MASK_SUFFIX.sub("", stem) if is_mask else _IMAGE_SUFFIX.sub("", stem)
    return is_mask, _Name(path, (*sorted(kept), stem), split)


def _beside(
    images: dict[tuple[str, ...], list[_Name]], masks: dict[tuple[str, ...], list[_Name]]
) -> None:
    """Takes masks that lie beside their images, a.jpg and a_mask.png, out of the images."""
    stems = set(images)
    for key in list(images):
        shorter = (*key[:-1], _IMAGE_SUFFIX.sub("", _MASK_SUFFIX.sub("", key[-1])))
        if shorter != key and shorter in stems and _MASK_SUFFIX.search(key[-1]):
            for name in images.pop(key):
                masks[shorter].append(name)


def _match(
    images: Mapping[tuple[str, ...], list[_Name]],
    masks: Mapping[tuple[str, ...], list[_Name]],
    found: Pairs,
) -> None:
    for key, here in images.items():
        there = masks.get(key, [])
        if len(here) > 1 and there:
            found.troubles |= {name.path: Reason.SEVERAL_IMAGES for name in (*here, *there)}
        elif len(there) > 1:
            found.troubles |= {name.path: Reason.SEVERAL_MASKS for name in (*here, *there)}
        elif not there:
            found.troubles |= {name.path: Reason.IMAGE_WITHOUT_MASK for name in here}
        else:
            split = here[0].split or there[0].split
            found.pairs.append(Pair(here[0].path, there[0].path, split))
    for key, there in masks.items():
        if key not in images:
            found.troubles |= {name.path: Reason.MASK_WITHOUT_IMAGE for name in there}
    found.pairs.sort()
