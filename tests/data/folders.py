"""Folders of images that are one pixel each, and what a scan leaves unused in them."""

import os
from pathlib import Path

from data.layout import config as folder_config
from data.layout import unused
from data.sources import by_folder

PGM = b"P5\n1 1\n255\n\0"  # one grey pixel

TEXT_SUFFIXES = (".txt", ".csv", ".json", ".md")


def touch(root: Path, *paths: str) -> Path:
    """Makes files: text where the suffix says so, else images of one pixel."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" if path.endswith(TEXT_SUFFIXES) else PGM)
    return root


def unused_in(root: Path, **config) -> list[tuple[str, str]]:
    """Every unused file with the code of its reason, sorted by path."""
    rows: list[unused.Unused] = []
    listing = by_folder.scan(root, folder_config.FolderConfig(**config), rows.append)
    files = sum(len(names) for _, _, names in os.walk(root, followlinks=False))
    links = sum(
        os.path.islink(os.path.join(place, name))
        for place, names, _ in os.walk(root, followlinks=False)
        for name in names
    )
    assert listing.found == files + links  # nothing is lost
    assert listing.unused.total == len(rows)
    return sorted((row.path, row.reason.value) for row in rows)
