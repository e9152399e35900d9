"""What each test costs and how it ends: seconds of wall clock and of processors, children included.

    python -m pytest --costs costs.tsv       writes a row for each test, as it ends
    python -m tests.costs costs.tsv          sums them up, the dearest first; --outcomes: what passed

A fixture is paid by the first test that asks for it, as in pytest's own durations.
"""

import argparse
import collections
import csv
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

COLUMNS = ("test", "wall_s", "cpu_s", "worker", "outcome")
OUTCOMES = ("passed", "failed", "skipped")
SHOWN = 30
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Processes that work for tests though nobody waits for them, such as a server that forks.
servers: set[int] = set()


def now() -> tuple[float, float]:
    """The clock, and the time on processors of this process, its servers, and their children."""
    times = os.times()
    return time.monotonic(), sum(times[:4]) + sum(map(processor_s, servers))


def processor_s(pid: int) -> float:
    """The time on processors of a process and of those that it has waited for; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_PER_S


class Meter:
    """Puts on each report what its phase took; pytest-xdist carries it to where rows are written."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._start = now()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        end = now()
        report.cost = [after - before for before, after in zip(self._start, end, strict=True)]
        self._start = end
        return report


class Rows:
    """Adds the phases of each test and writes its row when it has been torn down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
        self._outcomes: dict[str, str] = {}
        path.write_text("\t".join(COLUMNS) + "\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # pytest-xdist adds the group of a test to its name.
        name, at, group = report.nodeid.rpartition("@")
        test = name if at and "]" not in group else report.nodeid
        sums = self._open[test]
        for index, seconds in enumerate(report.cost):
            sums[index] += seconds
        if report.outcome != "passed":
            self._outcomes.setdefault(test, report.outcome)
        if report.when == "teardown":
            wall_s, cpu_s = self._open.pop(test)
            outcome = self._outcomes.pop(test, "passed")
            worker = getattr(report, "worker_id", "")
            with self._path.open("a") as file:
                file.write(f"{test}\t{wall_s:.2f}\t{cpu_s:.2f}\t{worker}\t{outcome}\n")


def summary(paths: Sequence[Path], shown: int = SHOWN) -> list[str]:
    """Tells what the folders and the dearest files and tests of tables took, a line each."""
    rows = _rows(paths)
    names = {
        "folders": lambda test: "/".join(test.partition("::")[0].split("/")[:-1]),
        "files": lambda test: test.partition("::")[0],
        "tests": lambda test: test,
    }
    lines = [
        f"{len(rows)} tests: {sum(float(row['wall_s']) for row in rows):.0f} s,"
        f" {sum(float(row['cpu_s']) for row in rows):.0f} s of CPU"
    ]
    for title, name in names.items():
        walls: collections.Counter[str] = collections.Counter()
        cpus: collections.Counter[str] = collections.Counter()
        for row in rows:
            walls[name(row["test"])] += float(row["wall_s"])
            cpus[name(row["test"])] += float(row["cpu_s"])
        lines += ["", f"{'wall s':>8} {'CPU s':>8}  {title}"]
        lines += [f"{walls[key]:8.1f} {cpu:8.1f}  {key}" for key, cpu in cpus.most_common(shown)]
    return lines


def outcomes(paths: Sequence[Path]) -> list[str]:
    """Counts how the tests of each folder below ``tests`` ended, as rows of a Markdown table."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for row in _rows(paths):
        folders = row["test"].partition("::")[0].split("/")[1:-1]
        for folder in ("/".join(folders[:2]) or "tests", "all"):
            counts[folder][row["outcome"]] += 1
    return [
        f"| folder | {' | '.join(OUTCOMES)} |",
        "|---|" + "---:|" * len(OUTCOMES),
        *(
            f"| {folder} | {' | '.join(str(counts[folder][one]) for one in OUTCOMES)} |"
            for folder in sorted(counts, key=lambda name: (name == "all", name))
        ),
    ]


def _rows(paths: Sequence[Path]) -> list[dict[str, str]]:
    rows = []
    for path in paths:
        with path.open(newline="") as file:
            csv.field_size_limit(1 << 24)  # a test's name has its parameters
            rows += csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--shown", type=int, default=SHOWN, help="rows of each part")
    parser.add_argument(
        "--outcomes", action="store_true", help="counts what passed, failed and was skipped instead"
    )
    given = parser.parse_args()
    lines = outcomes(given.tables) if given.outcomes else summary(given.tables, given.shown)
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
