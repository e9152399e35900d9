"""The index of an output directory: all its runs, and their chief figure over time."""

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
      figure: the title of the figure that represents the run, such as "accuracy".
      value: that figure on the test split, in 0–1; None where there is none.
      pushed: the version that the run pushed; empty where it pushed none.
      seconds: the run's wall time.
      report: the path of its report, relative to the index; empty where there is none.
    """

    run_id: str
    data: str
    status: str
    verdict: str = ""
    figure: str = ""
    value: float | None = None
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
        figure=_common([row.figure for row in runs if row.figure]),
        latest=next((row for row in reversed(runs) if row.value is not None), None),
        pushed=next((row for row in reversed(runs) if row.pushed), None),
    )


def _common(titles: Sequence[str]) -> str:
    """Returns the title of the column: that of all runs, or a general word."""
    return titles[0] if len(set(titles)) == 1 else "figure"


def _trends(runs: Sequence[RunRow]) -> list[drawing.Chart]:
    """Draws a chart of each figure on each data folder that at least two runs have."""
    of_data: dict[tuple[str, str], list[RunRow]] = {}
    for row in runs:
        if averages.known(row.value) is not None:
            of_data.setdefault((row.figure, row.data), []).append(row)
    folders = {data for _, data in of_data}
    found = []
    for (figure, data), rows in of_data.items():
        name = formats.heading(figure)
        title = name if len(folders) == 1 else f"{name} on {data}"
        points = [
            (f"{row.run_id}: {formats.percent(row.value)}", row.value, bool(row.pushed))
            for row in rows
        ]
        if len(rows) > 1:
            found.append(charts.trend(title, points))
    return [one for one in found if one]
