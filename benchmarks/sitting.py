"""Runs the benchmarks of speed one after the other on this machine and prints their results as one table.

    python benchmarks/sitting.py --data-dir PHOTOGRAPHS [--train-dir PHOTOGRAPHS] [--boxes-dir BOXES]
        [--drive-dir DRIVE] [--only NAME …] [--output FILE]

Nothing else should run meanwhile. The table is Markdown; ``--output`` also keeps every result with its details as
lines of JSON. A script that fails is told and does not end the sitting. Detection and segmentation, which take half an
hour each on two cores and count processor time, are asked for by their folders.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import checkout, harness

LIMIT_S = 2 * 3600.0
FLAGS = {"segmentation": ["--size", "128", "--scratch-epochs", "80"]}
TUNERS = ("bayesian", "random", "hyperband")


def commands(
    photographs: Path, training: Path, seeds: int, folders: dict[str, Path | None]
) -> dict[str, list[str]]:
    """The scripts with their arguments, by the name that ``--only`` takes.

    Args:
      photographs: class folders.
      training: class folders to train on.
      seeds: of the two phases.
      folders: what is only run where its folder is given, by the name of its script.
    """
    data, train = ["--data-dir", str(photographs)], ["--data-dir", str(training)]
    repeats = ["--seeds", str(seeds)]
    estimated = ["--without-tutorial", "--reference-steps", "6"]
    return {
        "ingest of digits": ["ingest.py", "--images", "5000"],
        "ingest of photographs": ["ingest.py", *data, "--images", "1500"],
        "training input, digits": ["train_input.py"],
        "training input, photographs": ["train_input.py", *data],
        "serving": ["serving.py", *data, "--seconds", "8"],
        "two phases": ["two_phase.py", *train, *repeats, "--without-tutorial"],
        "two phases, crops": ["two_phase.py", *train, *repeats, "--crops", "6", *estimated],
        **{f"tuner, {method}": ["tuner.py", *data, "--method", method] for method in TUNERS},
        "manifests": ["manifest.py"],
        "whole run": ["overhead.py", *data],
        **{
            name: [f"{name}.py", "--data-dir", str(path.resolve()), *FLAGS.get(name, [])]
            for name, path in folders.items()
            if path
        },
    }


def processor() -> str:
    """Names the processor, its cores that this process may use, and its vector units."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in lines.items()}
    units = [
        unit
        for unit in ("avx2", "avx512f", "avx512_vnni", "amx_tile")
        if unit in facts.get("flags", "").split()
    ]
    name = facts.get("model name", platform.processor() or platform.machine())
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {' '.join(units) or 'no AVX2'}"


def run(command: list[str]) -> list[dict[str, Any]]:
    """Runs a script; returns the results that it ends with, none if it failed."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{command[0]}", *command[1:]],
        cwd=checkout.ROOT,
        env=checkout.environment(checkout.ROOT),
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def row(name: str, result: dict[str, Any], minutes: float) -> str:
    """A row of the table."""
    values = " | ".join(f"{result[key]:,.4g} {result['unit']}" for key in ("reference", "ours"))
    met = "" if result["met"] else ", missed"
    return (
        f"| {name} | {values} | {result['ratio']:.2f} | {result['goal']:g}{met} | {minutes:.0f} |"
    )


def main() -> None:
    """Runs them and prints the table."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument(
        "--train-dir", type=Path, help="photographs to train on; --data-dir by default"
    )
    parser.add_argument("--boxes-dir", type=Path, help="images and boxes, for detection.py")
    parser.add_argument("--drive-dir", type=Path, help="a drive and its masks, for segmentation.py")
    parser.add_argument("--only", nargs="*", help="names from the table; all by default")
    parser.add_argument("--seeds", type=int, default=3, help="of two_phase.py")
    parser.add_argument("--output", type=Path, help="a file for the results, one line of JSON each")
    given = parser.parse_args()
    if given.data_dir is None:
        parser.error("--data-dir is needed: class folders of photographs")
    data = given.data_dir.resolve()
    folders = {"detection": given.boxes_dir, "segmentation": given.drive_dir}
    every = commands(data, (given.train_dir or data).resolve(), given.seeds, folders)
    unknown = set(given.only or ()) - set(every)
    if unknown:
        parser.error(f"--only {', '.join(sorted(unknown))}: {', '.join(every)} are allowed")
    rows = []
    for name in given.only or every:
        start = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        results = run(every[name])
        minutes = (time.monotonic() - start) / 60
        added = [
            row(name if len(results) == 1 else result["claim"], result, minutes)
            for result in results
        ] or [f"| {name} | failed, see above | | | | {minutes:.0f} |"]
        print(*added, sep="\n", file=sys.stderr, flush=True)
        rows += added
        if given.output:
            with given.output.open("a", encoding="utf-8") as file:
                for result in results:
                    line = {"name": name, "processor": processor(), "result": result}
                    file.write(json.dumps(line) + "\n")
    print(
        processor(),
        "",
        "| benchmark | reference | ours | ratio | goal | minutes |",
        "|---|---|---|---|---|---|",
        *rows,
        sep="\n",
    )


if __name__ == "__main__":
    main()
