"""The index of an output directory: all its runs, and their accuracy over time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.report import charts, templates
from data import formats
from tasks.pages import drawing
from tasks.statistics import averages

TEMPLATE = "index.html.jinja"


@dataclass(frozen=True)
class RunRow:
    """One run.

    Attributes:
      run_id: the run's name; later runs sort after earlier ones.
      data: the data that it was trained on.
      status: the run's status: "succeeded", "not_blessed", "partial" or "failed".
      verdict: the gate's: "release", "refuse" or "inconclusive"; empty where it did not run.
      accuracy: on the test split, in 0–1; None where there is none.
      pushed: the version that the run pushed; empty where it pushed none.
      seconds: the run's wall time.
      report: the path of its report, relative to the index; empty where there is none.
    """

    run_id: str
    data: str
    status: str
    verdict: str = ""
    accuracy: float | None = None
    pushed: str = ""
    seconds: float | None = None
    report: str = ""


def render(rows: Iterable[RunRow], title: str = "Runs") -> str:
    """Renders the page, the newest run first, the same for the same rows.

    Args:
      rows: the runs, in any order.
      title: the title, such as the output directory's name.
    """
    runs = sorted(rows, key=lambda row: row.run_id)
    return templates.html(
        TEMPLATE,
        title=title,
        runs=runs[::-1],
        trends=_trends(runs),
        latest=next((row for row in reversed(runs) if row.accuracy is not None), None),
        pushed=next((row for row in reversed(runs) if row.pushed), None),
    )


def _trends(runs: Sequence[RunRow]) -> list[drawing.Chart]:
    """Draws a chart for each data folder on which at least two runs have an accuracy."""
    of_data: dict[str, list[RunRow]] = {}
    for row in runs:
        if averages.known(row.accuracy) is not None:
            of_data.setdefault(row.data, []).append(row)
    found = []
    for data, rows in of_data.items():
        title = "Accuracy" if len(of_data) == 1 else f"Accuracy on {data}"
        points = [
            (f"{row.run_id}: {formats.percent(row.accuracy)}", row.accuracy, bool(row.pushed))
            for row in rows
        ]
        if len(rows) > 1:
            found.append(charts.trend(title, points))
    return [one for one in found if one]
