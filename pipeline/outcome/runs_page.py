"""Writes the index page of an output directory, which lists all its runs."""

import os
from pathlib import Path

from components.report import index
from data.files import atomic
from pipeline import output_folder
from pipeline.outcome import summary


def record(output: Path, outcome: summary.Summary) -> Path:
    """Saves the summary of a run beside its configuration and rewrites the index.

    Args:
      output: the output directory.
      outcome: the summary of the run that has just ended.

    Returns:
      The page.
    """
    folder = output_folder.OutputFolder(output)
    path = folder.run_summary(outcome.run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    outcome.write(path)
    page = folder.index
    with atomic.replacing(page) as temporary:
        temporary.write_text(index.render(_rows(output)), encoding="utf-8")
    return page


def _rows(output: Path) -> list[index.RunRow]:
    rows = []
    for path in output_folder.OutputFolder(output).run_summaries():
        found = summary.read(path)
        if found is not None:  # the page lists those that can be read
            rows.append(_row(output, found))
    return rows


def _row(output: Path, found: summary.Summary) -> index.RunRow:
    report = ""
    if found.report and Path(found.report).exists():
        report = os.path.relpath(found.report, output)
    return index.RunRow(
        run_id=found.run_id,
        data=found.data_dir,
        status=found.status,
        verdict=found.verdict or "",
        figure=found.headline.title,
        value=found.headline.value,
        pushed=found.pushed.version if found.pushed else "",
        seconds=found.seconds,
        report=report,
    )
