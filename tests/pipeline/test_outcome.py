import io
from pathlib import Path

from rich.console import Console

from pipeline import outcome, summary

NAMES = ["[/red]", ":cat:", "[bold]x"]


def test_names_are_shown_as_they_are():
    row = summary.ClassMetrics(precision=1.0, recall=None, f1=0.5, support=2)
    found = summary.Summary(
        run_id="1",
        status="not_blessed",
        data_dir="d",
        examples={"train": 8, "eval": 1, "test": 6},
        quarantined=1,
        quarantine_csv="/out/[q]/quarantine.csv",
        findings=[summary.Finding(check="blurry", severity="warn", message="m", count=3)],
        findings_page="/out/[p]/findings.html",
        metrics=summary.Metrics(accuracy=0.5, per_class=dict.fromkeys(NAMES, row)),
        verdict="refuse",
        blessed=False,
        reasons=["The recall of '[/red]' is 10.0%; at least 20.0% is needed."],
        pushed=None,
        model_dir=None,
        report="/out/[r]/report.html",
        model_card=None,
        steps=[],
        seconds=1.0,
    )
    buffer = io.StringIO()
    console = Console(file=buffer, width=120, highlight=False, markup=False, emoji=False)
    outcome.show(found, console, Path("/out/[x]/summary.json"))
    shown = buffer.getvalue()
    for part in (*NAMES, *found.reasons, "/out/[q]/quarantine.csv", "/out/[x]/summary.json"):
        assert part in shown
    for part in ("1 finding in the images: /out/[p]/findings.html", "1 file in quarantine"):
        assert part in shown
    assert "Refused, not pushed." in shown
    assert "Report: /out/[r]/report.html" in shown
    assert "undefined" in shown
