"""A manifest of a million rows is read, checked and split in less than a minute.

    python benchmarks/manifest.py [--rows 1000000] [--formats csv jsonl parquet]

Each format is listed in a process of its own, as a run lists it before work begins: every row is
parsed, its file looked for, the folder searched for images that no row names, the fingerprint taken,
the description made. Then the splits are assigned, with digests in place of the images' contents:
groups of up to four, ten classes, a tenth of the rows with a split of their own. The files are links
to empty ones. Another process parses the rows and keeps none: its memory must not grow with them.

The floor: one look at each file, some 3 µs; a row that is kept takes a path, two numbers and a place.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks import harness

GOAL_S = 60.0
FORMATS = ("csv", "jsonl", "parquet")
FILES_A_FOLDER = 10_000
CLASSES = 10


def make_files(root: Path, count: int) -> None:
    """Makes empty files in folders; a file has at most 65,000 names on some file systems."""
    for number in range(count):
        folder = root / f"{number // FILES_A_FOLDER:05d}"
        if number % FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
            first = folder / f"{number:09d}.jpg"
            first.touch()
        else:
            os.link(first, folder / f"{number:09d}.jpg")


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows in random order."""
    random = np.random.default_rng(0)
    order = random.permutation(count)
    for number, label, in_test in zip(
        order.tolist(),
        random.integers(0, CLASSES, count).tolist(),
        (random.random(count) < 0.1).tolist(),
        strict=True,
    ):
        yield {
            "file_name": f"{number // FILES_A_FOLDER:05d}/{number:09d}.jpg",
            "label": f"class {label}",
            "split": "test" if in_test else "",
            "group": f"g{number // 4}",
            "caption": f"the caption of {number}, which is not read",
        }


def write(path: Path, count: int) -> None:
    """Writes a manifest in the format of its suffix."""
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        given = rows(count)
        schema = pa.table({name: [value] for name, value in next(rows(1)).items()}).schema
        with pq.ParquetWriter(path, schema) as file:
            while some := list(itertools.islice(given, 50_000)):
                file.write_table(pa.Table.from_pylist(some, schema))
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows(count))
            return
        writer = csv.DictWriter(file, list(next(rows(1))))
        writer.writeheader()
        writer.writerows(rows(count))


def peak_mib() -> float:
    """The most memory that this process had; ``getrusage`` counts its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def list_here(path: Path) -> dict[str, float]:
    """Lists the manifest in this process, and assigns the splits."""
    import hashlib

    from data.layout import describe
    from data.sources import registry as label_sources
    from data.splits import split

    before = peak_mib()
    start, cpu = time.perf_counter(), time.process_time()
    asked = label_sources.request(path)
    listing = label_sources.scan(asked)
    label_sources.check(listing, asked)
    listing.fingerprint()
    describe.lines(listing)
    listed = time.perf_counter()
    listed_mib = peak_mib()
    numbers: dict[str, int] = {}
    items = [
        split.Item(
            hashlib.sha256(file.path.encode()).hexdigest(),
            file.labels,
            file.split,
            numbers.setdefault(file.group or "", len(numbers)),
        )
        for file in listing.files
    ]
    splits = split.assign(items, split.SplitConfig(), listing.given_splits, {})
    return {
        "rows": len(splits),
        "listed_s": round(listed - start, 1),
        "split_s": round(time.perf_counter() - listed, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "before_mib": round(before),
        "listed_mib": round(listed_mib),
        "peak_mib": round(peak_mib()),
    }


def parse_here(path: Path) -> dict[str, float]:
    """Parses the rows in this process, and keeps none."""
    from data.sources import config, manifest_file, row_problems

    problems = row_problems.RowProblems(path.name)
    part = manifest_file.Part(path, path.name, path.parent)
    start = time.perf_counter()
    with manifest_file.opened(part, config.DEFAULT, problems) as (table, chosen):
        before = peak_mib()
        count = sum(1 for _ in table.rows(chosen.read))
    return {
        "rows": count,
        "parsed_s": round(time.perf_counter() - start, 1),
        "grown_mib": round(peak_mib() - before, 1),
    }


def measure(what: str, path: Path) -> dict[str, float]:
    """Runs one of the two in a new process."""
    command = [sys.executable, __file__, "--here", what, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measures each format and prints the slowest."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument("--here", nargs=2, help="list or parse a manifest in this process")
    arguments = parser.parse_args()
    if arguments.here:
        what, name = arguments.here
        found = list_here(Path(name)) if what == "list" else parse_here(Path(name))
        print(json.dumps(found))
        return
    details: dict[str, Any] = {}
    with harness.workspace() as scratch:
        for count in (arguments.rows // 10, arguments.rows):
            root = scratch / f"images-{count}"
            make_files(root, count)
            for name in arguments.formats:
                path = root / f"labels.{name}"
                write(path, count)
                made = {what: measure(what, path) for what in ("list", "parse")}
                details[f"{name}, {count:,} rows"] = {**made["list"], **made["parse"]}
                print(
                    f"{name}, {count:,} rows: {details[f'{name}, {count:,} rows']}", file=sys.stderr
                )
                path.unlink()
    whole = [row for row in details.values() if row["rows"] == arguments.rows]
    slowest = max(row["listed_s"] + row["split_s"] for row in whole)
    harness.finish(
        f"a manifest of {arguments.rows:,} rows is read, checked and split within a minute",
        "s",
        GOAL_S,
        slowest,
        GOAL_S / slowest,
        1.0,
        details,
    )


if __name__ == "__main__":
    main()
