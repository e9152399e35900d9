"""Whether a change of the code changes what comes out: two checkouts do the same, and all is compared.

    python benchmarks/unchanged.py --before CHECKOUT [--data-dir DIR]

Each runs the pipeline on nine tenths of the images, then on all of them, a retraining; asks the model
server, and the command line, about the test images; and compiles the package for Kubeflow. Every
file in the output folder, every answer and the package must be the same, byte for byte, but for what
a clock or a process id makes different. Where a file's bytes depend on the order of threads (a saved
graph), that it is there. The exit code is 1 where something differs.
"""

import base64
import contextlib
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from data.sources import by_folder

ROOT = Path(__file__).resolve().parent.parent
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


def run(checkout: Path, *command: str, allowed: tuple[int, ...] = (0,)) -> None:
    """Runs a script of a checkout, and raises RuntimeError where it fails."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in allowed:
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )


@contextlib.contextmanager
def served(checkout: Path, model_dir: Path, scratch: Path) -> Iterator[str]:
    """A model server; yields where it answers."""
    address = scratch / "address.json"
    address.unlink(missing_ok=True)
    command = [sys.executable, "-m", "serving", "serve", "--model-dir", str(model_dir)]
    server = subprocess.Popen(
        [*command, "--port", "0", "--address-file", str(address)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while not address.exists():
            if server.poll() is not None:
                raise RuntimeError(f"The model server ended with {server.returncode}.")
            time.sleep(0.2)
        yield json.loads(address.read_text())["http"]
    finally:
        server.terminate()
        server.wait(90)


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
        run(checkout, "pipeline/run_local.py", *flags, allowed=(0, 3))
    images = [whole / file.path for file in by_folder.scan(whole).files[::7]][:ASKED]
    answers = output / "answers"
    answers.mkdir()
    with served(checkout, output / "serving" / NAME, scratch) as address:
        for index, image in enumerate(images):
            (answers / f"{index:02d}.json").write_bytes(ask(address, NAME, image))
    model = ["--model-dir", str(output / "serving" / NAME)]
    run(
        checkout,
        "-m",
        "pipeline.predict",
        *model,
        str(part),
        "--output",
        str(answers / "all.jsonl"),
    )
    package = ["--data-dir", str(whole), "--output-dir", str(output), "--push.model-name", NAME]
    package += ["--kubeflow.volume", f"images:{scratch}", "--kubeflow.package"]
    run(checkout, "pipeline/run_kubeflow.py", "compile", *package, str(answers / "package.yaml"))
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
        for name, checkout in (("before", arguments.before.resolve()), ("after", ROOT)):
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
