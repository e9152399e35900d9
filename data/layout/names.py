"""Names of folders and files: split folders, system files, image files, doubtful class names."""

import datetime
import enum
import functools
import os
import re
import unicodedata

from PIL import Image

from data.images import decode

SPLIT_OF_WORD = {
    "train": "train",
    "training": "train",
    "val": "eval",
    "valid": "eval",
    "validation": "eval",
    "dev": "eval",
    "development": "eval",
    "eval": "eval",
    "evaluation": "eval",
    "test": "test",
    "testing": "test",
    "holdout": "test",
}
# Words that may stand beside the one that names the split: train_images, seg_train, Test Set.
_SUFFIXES = ("dataset", "data", "set", "images", "image", "imgs", "img")
_FILLERS = frozenset(
    {
        *_SUFFIXES,
        "seg",
        "split",
        "folder",
        "photos",
        "photo",
        "pictures",
        "pics",
        "samples",
        "files",
    }
)
_PREDICTION_WORDS = frozenset({"pred", "predict", "prediction", "predictions", "unlabelled"})
_PREDICTION_WORDS |= {"unlabeled"}
_YEAR = re.compile(r"(19|20)\d\d")
_GLUED = re.compile(
    rf"({'|'.join(sorted(SPLIT_OF_WORD, key=len, reverse=True))})({'|'.join(_SUFFIXES)})"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[a-z]+|\d+|[^\W_]+")

SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r", "_success"})

_SPAN = re.compile(r"span[-_ ]?\d+", re.IGNORECASE)
_MONTH = re.compile(r"(19|20)\d\d[-_.](0[1-9]|1[0-2])")
_DAY = re.compile(r"((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)")
_ARCHIVE = re.compile(r"archive( ?\(\d+\))?|.*\.(zip|rar|7z|tar|tgz|gz|bz2|xz)", re.IGNORECASE)
_CONTAINERS = frozenset(
    {"images", "imgs", "annotations", "labels", "masks", "dataset", "datasets", "data", "macosx"}
)
# Pillow reads or writes these, but no photo comes in them.
_NO_PHOTOS = frozenset(
    {".pdf", ".eps", ".ps", ".mpg", ".mpeg", ".h5", ".hdf", ".grib", ".bufr", ".fits", ".fit"}
)
_HEIF_SUFFIXES = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs"})
# Photos, drawings and scans that Pillow does not read: a user must learn that they are unused.
_UNSUPPORTED_SUFFIXES = frozenset({".arw", ".cr2", ".cr3", ".dcm", ".dng", ".exr", ".jxl", ".nef"})
_UNSUPPORTED_SUFFIXES |= {".orf", ".raf", ".rw2", ".svg"}


class Doubt(enum.Enum):
    """The reason why a folder may not be intended as a class."""

    SPLIT = "a split"
    DATE = "a date or a span"
    ARCHIVE = "an unpacked archive"
    CONTAINER = "a folder of something else"


def canonical(name: str) -> str:
    """Returns a class name in Unicode's form NFC, so that equal names are equal strings."""
    return unicodedata.normalize("NFC", name)


def is_system(name: str) -> bool:
    """Returns whether a name is hidden, or left by operating systems and archivers."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def split_of(name: str) -> str | None:
    """Returns the split that a folder's name denotes: "train", "eval", "test" or None.

    The name must contain one word of SPLIT_OF_WORD, in any case; beside it only words such as
    ``set``, ``images`` or ``data``, and a year: ``Training Data``, ``seg_train``, ``val2017``.
    """
    splits = set()
    words = 0
    for word in _words(name):
        if word in SPLIT_OF_WORD:
            splits.add(SPLIT_OF_WORD[word])
            words += 1
        elif word not in _FILLERS and not _YEAR.fullmatch(word):
            return None
    return splits.pop() if words == 1 else None


def is_prediction(name: str) -> bool:
    """Returns whether a name is that of unlabelled images: ``seg_pred``, ``unlabelled``."""
    words = _words(name)
    others = [word for word in words if word not in _PREDICTION_WORDS]
    return len(words) > len(others) and all(word in _FILLERS for word in others)


def is_container(name: str) -> bool:
    """Returns whether a folder usually holds all classes, by its name: ``images``, ``data``."""
    return name.casefold() in _CONTAINERS


def doubt(name: str) -> Doubt | None:
    """Returns what a class folder may be instead; None for an ordinary name."""
    if split_of(name):
        return Doubt.SPLIT
    if _SPAN.fullmatch(name) or _MONTH.fullmatch(name) or _is_day(name):
        return Doubt.DATE
    if is_archive(name):
        return Doubt.ARCHIVE
    return Doubt.CONTAINER if is_container(name.strip("_")) else None


def is_archive(name: str) -> bool:
    """Returns whether a name is that of an archive, or of a folder unpacked from one."""
    return bool(_ARCHIVE.fullmatch(name))


def has_image_suffix(name: str) -> bool:
    """Returns whether a file is an image by name; formats of extras that are absent count."""
    suffix = os.path.splitext(name)[1].lower()
    return bool(suffix) and suffix in _image_suffixes()


def has_suffix(name: str) -> bool:
    """Returns whether a file's name indicates its format."""
    return bool(os.path.splitext(name)[1])


@functools.cache
def _image_suffixes() -> frozenset[str]:
    allowed = set(decode.formats())
    known = {end for end, name in Image.registered_extensions().items() if name in allowed}
    return frozenset(known | _HEIF_SUFFIXES | _UNSUPPORTED_SUFFIXES) - _NO_PHOTOS


def _words(name: str) -> list[str]:
    text = _CAMEL.sub(" ", canonical(name)).casefold()
    text = re.sub(r"\bhold[-_ ]out\b", "holdout", text)
    words: list[str] = []
    for word in _WORD.findall(text.replace("_", " ")):
        glued = _GLUED.fullmatch(word)
        words += glued.groups() if glued else (word,)
    return words


def _is_day(name: str) -> bool:
    found = _DAY.fullmatch(name)
    if not found:
        return False
    try:
        datetime.date(*map(int, found.groups()))
    except ValueError:
        return False
    return True
