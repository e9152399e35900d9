"""Whether a change of the code changes what comes out: two checkouts do the same, and all is compared.

    python benchmarks/unchanged.py --before CHECKOUT [--data-dir DIR]

Each runs the pipeline on nine tenths of the images, then on all of them, a retraining; asks the model
server, and the command line, about the test images; and compiles the package for Kubeflow. Every
file in the output folder, every answer and the package must be the same, byte for byte, but for what
a clock or a process id makes different. Where a file's bytes depend on the order of threads (a saved
graph), that it is there. The exit code is 1 where something differs.
"""

import base64
import filecmp
import json
import re
import shutil
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import checkout as checkouts
from benchmarks import harness
from data.sources import by_folder

NAME = "unchanged"
ASKED = 12
# Logs, ML Metadata's database, what a lock left, events for TensorBoard, optimized or zipped graphs.
NOT_COMPARED = re.compile(
    r"(^logs/|metadata\.sqlite|\.lock$|\.beam|tfevents|saved_model\.pb$|fingerprint\.pb$|\.keras$"
    r"|attributions-|plots-|metrics-|validations\.)"
)
TEXT = (".json", ".jsonl", ".html", ".md", ".csv", ".yaml", ".pbtxt", ".txt", ".log", ".svg")
# What a clock makes: versions, runs, dates, durations, percentiles.
CLOCK = [
    (re.compile(r"\b1[78]\d{8}\b"), "VERSION"),
    (re.compile(r"\b20\d{6}-\d{6}-\d{3}\b"), "RUN"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?"), "TIME"),
    (
        re.compile(r'("(?:seconds|took_s|load_s|start_s|p50_ms|p99_ms|memory_mib)": )[\d.e+-]+'),
        r"\1N",
    ),
    (re.compile(r'("latencies_ms": )\[[^\]]*\]'), r"\1[]"),
    (re.compile(r"\b[\d.,]+ (s|ms|min|MiB|minutes?|seconds?)\b"), r"N \1"),
]


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
    """Name without what a clock makes → file."""
    found = {}
    for path in sorted(kept.rglob("*")):
        name = str(path.relative_to(kept))
        if path.is_file() and not NOT_COMPARED.search(name):
            for pattern, instead in CLOCK[:2]:
                name = pattern.sub(instead, name)
            found[name] = path
    return found


def differences(before: Path, after: Path) -> tuple[list[str], int]:
    """What is not the same, a line each, and how many files were compared."""
    first, second = listed(before), listed(after)
    found = [f"only before: {name}" for name in sorted(first.keys() - second.keys())]
    found += [f"only after: {name}" for name in sorted(second.keys() - first.keys())]
    common = sorted(first.keys() & second.keys())
    for name in common:
        one, other = first[name], second[name]
        if name.endswith(TEXT):
            same = clean(one) == clean(other)
        else:
            same = filecmp.cmp(one, other, shallow=False)
        if not same:
            found.append(f"differs: {name}")
    return found, len(common)


def main() -> None:
    """Runs it and prints the result."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the other code")
    parser.add_argument("--keep", type=Path, help="keep both outputs in this folder")
    arguments = parser.parse_args()
    with harness.workspace() as scratch:
        whole = harness.data_dir(arguments.data_dir, scratch).resolve()
        part = scratch / "part"
        for file in by_folder.scan(whole).files:
            if hash_of(file.path) % 10:
                (part / file.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(whole / file.path, part / file.path)
        # Beside the other: a volume holds both, and what is printed of it is alike.
        whole = Path(shutil.copytree(whole, scratch / "whole"))
        for name, checkout in (("before", arguments.before.resolve()), ("after", checkouts.ROOT)):
            outcome(checkout, part, whole, scratch, scratch / name)
        found, count = differences(scratch / "before", scratch / "after")
        if arguments.keep:
            for name in ("before", "after"):
                shutil.copytree(scratch / name, arguments.keep / name, dirs_exist_ok=True)
    print(*found, f"{count} files compared, {len(found)} differences", sep="\n")
    sys.exit(bool(found))


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return int.from_bytes(text.encode()[-6:], "big") % 997


if __name__ == "__main__":
    main()
