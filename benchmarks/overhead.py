"""What a run costs beyond the work of its steps, and how long a user waits for a first word.

    python benchmarks/overhead.py [--data-dir DIR] [--config RECIPE] [--before CHECKOUT]

Ours is a run as a user starts it, from the command to its end. The reference is the bare work: the
time inside the steps' executors in a second run of the same in one process, when all is imported
and only the cache is empty. Two more figures: how long ``--help`` takes, and the first line with
nothing of Python's libraries in the page cache, which only root can empty.

What each step of the run took is printed as a table; with ``--before``, beside what the same run
takes with the code of another checkout, and nothing else is measured.

The floor: no step can begin before TFX, Beam and TensorFlow are imported, and what each did is
written to ML Metadata.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import checkout as checkouts
from benchmarks import harness

GOAL = 1 / 1.3
HELP_S, FIRST_LINE_S = 2.0, 15.0
CACHES = Path("/proc/sys/vm/drop_caches")


def run_timed(times_to: Path, arguments: list[str]) -> None:
    """Runs the pipeline in this process; writes what each step's executor took."""
    from tfx.orchestration.portable import python_executor_operator

    from pipeline import run_local

    bare = python_executor_operator.run_with_executor
    seconds: dict[str, float] = {}

    def timed(execution_info: Any, executor: Any) -> Any:
        start = time.perf_counter()
        result = bare(execution_info, executor)
        seconds[execution_info.pipeline_node.node_info.id] = time.perf_counter() - start
        return result

    python_executor_operator.run_with_executor = timed
    try:
        if (code := run_local.main(arguments)) not in checkouts.ENDED:
            raise RuntimeError(f"The run ended with {code}.")
    finally:
        python_executor_operator.run_with_executor = bare
    times_to.write_text(json.dumps(seconds))


def bare_work(flags: list[str], scratch: Path) -> dict[str, dict[str, float]]:
    """Step → seconds inside its executor: in the first run of a process, and in its second."""
    found = {}
    itself = [sys.executable, str(Path(__file__)), "--times-to", str(scratch)]
    subprocess.run([*itself, "--", *flags], check=True, stdout=subprocess.DEVNULL)
    for name in ("first", "second"):
        found[name] = json.loads((scratch / f"{name}.json").read_text())
    return found


@dataclass
class Run:
    """What a run took, in seconds: each step's wall time, the whole's, and that of processors."""

    steps: dict[str, float]
    whole_s: float
    cpu_s: float

    @property
    def after_trainer_s(self) -> float:
        """All steps behind Trainer."""
        names = list(self.steps)
        return sum(self.steps[name] for name in names[names.index("Trainer") + 1 :])


COMMAND = [sys.executable, str(checkouts.ROOT / "pipeline" / "run_local.py")]


def whole_run(flags: list[str], output: Path, checkout: Path = checkouts.ROOT) -> Run:
    """Runs the pipeline of a checkout as a user does."""
    before, start = os.times(), time.monotonic()
    flags = [*flags, "--output-dir", str(output)]
    checkouts.run(checkout, "pipeline/run_local.py", *flags, allowed=checkouts.ENDED)
    whole_s, after = time.monotonic() - start, os.times()
    summary = json.loads((output / "summary.json").read_text())
    steps = {row["name"]: row["seconds"] for row in summary["steps"]}
    cpu_s = sum(after[2:4]) - sum(before[2:4])
    return Run(steps, whole_s, cpu_s)


def table(runs: dict[str, Run]) -> list[str]:
    """Every step of some runs, a line each, as Markdown."""
    names = list(dict.fromkeys(name for run in runs.values() for name in run.steps))
    lines = [f"| step, s | {' | '.join(runs)} |", f"|---|{'---:|' * len(runs)}"]
    for name in names:
        cells = (f"{run.steps[name]:.1f}" if name in run.steps else "" for run in runs.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    values: dict[str, Callable[[Run], str]] = {
        "after Trainer": lambda run: f"{run.after_trainer_s:.1f}",
        "of Trainer's time": lambda run: f"{run.after_trainer_s / run.steps['Trainer']:.0%}",
        "whole run": lambda run: f"{run.whole_s:.1f}",
        "CPU of it": lambda run: f"{run.cpu_s:.1f}",
    }
    for title, value in values.items():
        lines.append(f"| {title} | {' | '.join(value(run) for run in runs.values())} |")
    return lines


def first_line(flags: list[str], output: Path) -> float:
    """Seconds from the command to its first line."""
    start = time.monotonic()
    with subprocess.Popen(
        [*COMMAND, *flags, "--output-dir", str(output)], stdout=subprocess.PIPE
    ) as process:
        next(iter(process.stdout or ()))
        took = time.monotonic() - start
        process.kill()
    return took


def without_page_cache() -> bool:
    """Empties the page cache; False where that is not allowed."""
    os.sync()
    try:
        CACHES.write_text("3")
    except OSError:
        return False
    return True


def main() -> None:
    """Runs it and prints the result."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--config", type=Path, help="a recipe for the runs")
    parser.add_argument("--before", type=Path, help="a checkout of other code to compare with")
    parser.add_argument("--times-to", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("flags", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.times_to:
        for name in ("first", "second"):
            output = ["--output-dir", str(arguments.times_to / name)]
            run_timed(arguments.times_to / f"{name}.json", [*arguments.flags, *output])
        return
    with harness.workspace() as scratch:
        data = harness.data_dir(arguments.data_dir, scratch)
        flags = ["--data-dir", str(data.resolve())]
        if arguments.config:
            flags += ["--config", str(arguments.config.resolve())]
        if arguments.before:
            runs = {
                "before": whole_run(flags, scratch / "before", arguments.before.resolve()),
                "after": whole_run(flags, scratch / "after"),
            }
            print(*table(runs), sep="\n")
            return
        cold = without_page_cache()
        first_line_s = first_line(flags, scratch / "line")
        start = time.monotonic()
        subprocess.run([*COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL)
        help_s = time.monotonic() - start
        ours = whole_run(flags, scratch / "whole")
        print(*table({"ours": ours}), sep="\n")
        work = bare_work(flags, scratch)
    reference = sum(work["second"].values())
    harness.finish(
        "a whole run costs at most 1.3 times the bare work of its steps",
        "s",
        reference,
        ours.whole_s,
        reference / ours.whole_s,
        GOAL,
        {
            "times the bare work": round(ours.whole_s / reference, 2),
            "times the work with imports": round(ours.whole_s / sum(work["first"].values()), 2),
            "bare": {name: round(took, 2) for name, took in work["second"].items()},
            "with imports": {name: round(took, 2) for name, took in work["first"].items()},
            "help_s": round(help_s, 2),
            "first_line_s": round(first_line_s, 2),
            "page cache emptied": cold,
            "first words in time": help_s <= HELP_S and first_line_s <= FIRST_LINE_S,
        },
    )


if __name__ == "__main__":
    main()
