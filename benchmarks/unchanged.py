"""Whether a change of the code changes what comes out: two checkouts do the same, and all is compared.

    python benchmarks/unchanged.py --before CHECKOUT [--data-dir DIR] [--keep DIR]
    python benchmarks/unchanged.py --kept DIR

Each runs the pipeline on nine tenths of the images, then on all of them, a retraining; asks the model
server, and the command line, about the test images; and compiles the package for Kubeflow. Every
file in the output folder, every answer and the package must be the same, byte for byte, but for what
a clock, a process id or a digest of code makes different. Where a file's bytes depend on the order
of threads (a saved graph), that it is there; of cached features, every row. Behind a file that
differs stands what of it does. The exit code is 1 where something differs.
"""

import base64
import contextlib
import difflib
import filecmp
import json
import re
import shutil
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import checkout as checkouts
from benchmarks import harness
from data.sources import by_folder

NAME = "unchanged"
ASKED = 12
# Logs, ML Metadata's database, what a lock left, events for TensorBoard, optimized or zipped graphs;
# cached features, whose rows are compared.
NOT_COMPARED = re.compile(
    r"(^logs/|^kubeflow/[^/]*\.log$|^training/features/|metadata\.sqlite|\.lock$|\.beam|tfevents|saved_model\.pb$|fingerprint\.pb$|\.keras$"
    r"|attributions-|plots-|metrics-|validations\.)"
)
TEXT = (".json", ".jsonl", ".html", ".md", ".csv", ".yaml", ".pbtxt", ".txt", ".log", ".svg")
# What a clock makes: versions, runs, dates, durations, percentiles.
CLOCK = [
    (re.compile(r"\b1[78]\d{8}\b"), "1700000000"),
    (re.compile(r"\b20\d{6}-\d{6}-\d{3}\b"), "RUN"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?"), "TIME"),
    (
        re.compile(r'("(?:seconds|took_s|load_s|start_s|p50_ms|p99_ms|memory_mib)": )[\d.e+-]+'),
        r"\g<1>0",
    ),
    (re.compile(r'("(?:latencies_ms|images_per_s)": )\[[^\]]*\]'), r"\1[]"),
    (re.compile(r'("name": "(?:latency|memory)",\s*"value": )[\d.e+-]+'), r"\g<1>0"),
    (re.compile(r"\b[\d.,:]+ (<bdi>)?(s|ms|min|MiB|minutes?|seconds?)\b"), r"N \1\2"),
    # A row of the table of runs has its seconds to sort by; one of phases, images a second.
    (re.compile(r'data-v="[\d.]+">N '), 'data-v="0">N '),
    (
        re.compile(
            r'(<small>epoch \d+</small></td><td class="number">[^<]*</td><td class="number">)[\d.,]+'
        ),
        r"\g<1>0",
    ),
    # Digests: of code, of settings, and of what is compared itself.
    (re.compile(r"(?<![0-9a-f])([0-9a-f]{64}|[0-9a-f]{24}|[0-9a-f]{16})(?![0-9a-f])"), "DIGEST"),
]
IN_NAMES = [CLOCK[0], CLOCK[1], CLOCK[-1]]
MOST_SHOWN = 6


def ask(address: str, name: str, image: Path) -> bytes:
    """What the server answers by TensorFlow Serving's API, as it is."""
    request = urllib.request.Request(  # noqa: S310
        f"{address}/v1/models/{name}:predict",
        json.dumps(
            {"instances": [{"b64": base64.b64encode(image.read_bytes()).decode()}]}
        ).encode(),
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return bytes(response.read())


def outcome(checkout: Path, part: Path, whole: Path, scratch: Path, kept: Path) -> None:
    """Does all with one checkout; the output folder has one path for both, and is kept elsewhere."""
    output = scratch / "output"
    for data in (part, whole):
        flags = ["--data-dir", str(data), "--output-dir", str(output), "--push.model-name", NAME]
        checkouts.run(checkout, "pipeline/run_local.py", *flags, allowed=checkouts.ENDED)
    images = [whole / file.path for file in by_folder.scan(whole).files[::7]][:ASKED]
    answers = output / "answers"
    answers.mkdir()
    model_dir = output / "serving" / NAME
    with checkouts.ModelServer(model_dir, place=scratch, checkout=checkout) as server:
        for index, image in enumerate(images):
            (answers / f"{index:02d}.json").write_bytes(ask(server.url, NAME, image))
    predicted = ["--model-dir", str(model_dir), "--output", str(answers / "all.jsonl")]
    checkouts.run(checkout, "-m", "pipeline.predict", *predicted, str(part))
    package = ["--data-dir", str(whole), "--output-dir", str(output), "--push.model-name", NAME]
    package += ["--kubeflow.volume", f"images:{scratch}", "--kubeflow.package"]
    compiled = str(answers / "package.yaml")
    checkouts.run(checkout, "pipeline/run_kubeflow.py", "compile", *package, compiled)
    output.rename(kept)


def clean(path: Path) -> str:
    """A text file without what a clock makes."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for pattern, instead in CLOCK:
        text = pattern.sub(instead, text)
    return text


def listed(kept: Path) -> dict[str, Path]:
    """Name without what a clock makes → file; of several with one such name, by their content."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in kept.rglob("*"):
        name = str(path.relative_to(kept))
        if path.is_file() and not NOT_COMPARED.search(name):
            for pattern, instead in IN_NAMES:
                name = pattern.sub(instead, name)
            found[name].append(path)
    return {
        f"{name} {number}" if number else name: path
        for name, paths in found.items()
        for number, path in enumerate(sorted(paths, key=Path.read_bytes))
    }


def features(kept: Path) -> dict[str, dict[str, bytes]]:
    """Folder of cached features → key → its row."""
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path in sorted((kept / "training" / "features").rglob("*.json")):
        rows = np.load(path.with_suffix(".npy"), allow_pickle=False)
        for key, row in zip(json.loads(path.read_text())["keys"], rows, strict=True):
            found[str(path.parent.relative_to(kept))][key] = row.tobytes()
    return found


def differences(before: Path, after: Path) -> tuple[list[str], int]:
    """What is not the same, a line each, and how many files were compared."""
    first, second = listed(before), listed(after)
    found = [f"only before: {name}" for name in sorted(first.keys() - second.keys())]
    found += [f"only after: {name}" for name in sorted(second.keys() - first.keys())]
    common = sorted(first.keys() & second.keys())
    for name in common:
        one, other = first[name], second[name]
        if one.suffix in TEXT:
            same = clean(one) == clean(other)
        else:
            same = filecmp.cmp(one, other, shallow=False)
        if not same:
            found.append(f"differs: {name}: {'; '.join(parts(one, other)[:MOST_SHOWN])}")
    stored = [features(kept) for kept in (before, after)]
    for name in sorted(stored[0].keys() | stored[1].keys()):
        rows, others = (kept.get(name, {}) for kept in stored)
        both = rows.keys() & others.keys()
        unequal = sum(rows[key] != others[key] for key in both)
        lost, new = len(rows) - len(both), len(others) - len(both)
        if unequal or lost or new:
            found.append(
                f"differs: {name}: {unequal} of {len(both)} rows, {lost} only before, {new} only"
                " after"
            )
    return found, len(common)


def parts(one: Path, other: Path) -> list[str]:
    """What of a file differs: keys of JSON, columns of Parquet, the lines of a text."""
    if one.suffix == ".parquet":
        tables = [parquet.read_table(path) for path in (one, other)]
        names = dict.fromkeys(name for table in tables for name in table.column_names)
        columns = [
            [table[name] if name in table.column_names else None for table in tables]
            for name in names
        ]
        changed = [
            name for name, (left, right) in zip(names, columns, strict=True) if left != right
        ]
        return changed or ["metadata"]
    if one.suffix not in TEXT:
        return [f"{one.stat().st_size} and {other.stat().st_size} bytes"]
    texts = [clean(path) for path in (one, other)]
    if one.suffix in (".json", ".jsonl"):
        with contextlib.suppress(ValueError):
            left, right = ([json.loads(line) for line in _documents(one, text)] for text in texts)
            return list(dict.fromkeys(keys(left, right)))
    before, after = (text.splitlines() for text in texts)
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line[:100] for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def _documents(path: Path, text: str) -> list[str]:
    return text.splitlines() if path.suffix == ".jsonl" else [text]


def keys(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two JSON values differ; places in lists are one."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            if name not in one or name not in other:
                yield f"{place}.{name} {'is new' if name in other else 'is gone'}".lstrip(".")
            else:
                yield from keys(one[name], other[name], f"{place}.{name}")
        if one == other and list(one) != list(other):
            yield f"{place or 'all'}: order"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for left, right in zip(one, other, strict=True):
            yield from keys(left, right, place)
    elif one != other:
        yield place.lstrip(".") or "all"


def main() -> None:
    """Runs it and prints the result."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--before", type=Path, help="a checkout of the other code")
    parser.add_argument("--keep", type=Path, help="keep both outputs in this folder")
    parser.add_argument("--kept", type=Path, help="compare what --keep has kept in this folder")
    arguments = parser.parse_args()
    if arguments.kept is None and arguments.before is None:
        parser.error("--before or --kept is needed")
    with harness.workspace() as scratch:
        kept = arguments.kept
        if kept is None:
            kept = scratch
            run_both(arguments.data_dir, arguments.before.resolve(), scratch)
        found, count = differences(kept / "before", kept / "after")
        if arguments.keep:
            for name in ("before", "after"):
                shutil.copytree(kept / name, arguments.keep / name, dirs_exist_ok=True)
    print(*found, f"{count} files compared, {len(found)} differences", sep="\n")
    sys.exit(bool(found))


def run_both(data_dir: Path | None, before: Path, scratch: Path) -> None:
    """Does all with both checkouts, into ``before`` and ``after``."""
    whole = harness.data_dir(data_dir, scratch).resolve()
    part = scratch / "part"
    for file in by_folder.scan(whole).files:
        if hash_of(file.path) % 10:
            (part / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(whole / file.path, part / file.path)
    # Beside the other: a volume holds both, and what is printed of it is alike.
    whole = Path(shutil.copytree(whole, scratch / "whole"))
    for name, checkout in (("before", before), ("after", checkouts.ROOT)):
        outcome(checkout, part, whole, scratch, scratch / name)


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return int.from_bytes(text.encode()[-6:], "big") % 997


if __name__ == "__main__":
    main()
