"""Manifests for tests: written in every format, and listed."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.layout import config as folder_config
from data.layout import unused
from data.sources import config, label_source
from data.sources import registry as label_sources
from data.splits import folder

Rows = Sequence[Mapping[str, Any]]


def write(path: Path, rows: Rows) -> Path:
    """Writes rows in the format that the suffix names; a list becomes a cell with ``|``."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(names)
            for row in rows:
                cells = [row.get(name, "") for name in names]
                writer.writerow(
                    ["|".join(cell) if isinstance(cell, list) else cell for cell in cells]
                )
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist([{n: row.get(n) for n in names} for row in rows]), path)
    return path


def of_folders(root: Path, **changes: Any) -> list[dict[str, Any]]:
    """The rows of class folders or split folders: a file's path, label and split."""
    files = label_sources.scan(label_source.Request(root)).files
    rows = [
        {"file_name": file.path, "label": file.labels[0], "split": file.split} for file in files
    ]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def request(
    data_dir: Path,
    per_image: str = "one",
    folders: Mapping[str, Any] | None = None,
    **settings: Any,
) -> label_source.Request:
    return label_sources.request(
        data_dir,
        folder_config.FolderConfig(**(folders or {})),
        config.LabelsConfig(**settings),
        label_source.LabelRule(per_image, "ADVICE." if per_image == "one" else ""),
    )


def listed(data_dir: Path, *options: Any, **settings: Any) -> folder.Listing:
    """Lists a data folder; every file in it is listed or noted once."""
    rows: list[unused.Unused] = []
    asked = request(data_dir, *options, **settings)
    listing = label_sources.scan(asked, rows.append)
    assert listing.unused.total == len(rows)
    every = [file.path for file in listing.files] + [row.path for row in rows]
    manifests = set(listing.manifest.split(", ")) if listing.manifest else set()
    present = {
        path.relative_to(asked.root).as_posix()
        for path in asked.root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    assert sorted(every) == sorted(present - manifests)
    return listing


def labels(listing: folder.Listing) -> dict[str, tuple[str, ...]]:
    return {file.path: file.labels for file in listing.files}
