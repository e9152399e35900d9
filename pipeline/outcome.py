"""What a run came to: the steps' artifacts → the summary, and its last words on the terminal."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.evaluator import results
from components.image_example_gen import report as ingest_report
from components.image_validator import findings as validation
from pipeline import runner, summary


def summarise(
    run_id: str,
    data_dir: Path,
    labels: list[str],
    serving_dir: Path,
    ran: list[runner.Step],
    seconds: float,
    failure: Exception | None,
) -> summary.Summary:
    """Collects the outcome of a run.

    Args:
      run_id: names the run.
      data_dir: what was ingested.
      labels: the label map.
      serving_dir: where the versions of the model lie.
      ran: the steps that ran, in order; the last one is the failed one where there is a failure.
      seconds: wall time of the run.
      failure: why it broke off, or None.
    """
    finished = {step.name: step for step in ran if step.outputs}
    report, quarantine_csv = _examples(finished)
    found, page = _findings(finished.get("ImageValidator"), failure)
    result, reasons = None, [str(failure)] if failure else []
    if "Evaluator" in finished:
        result = results.read(finished["Evaluator"].uri("evaluation"), labels)
        reasons += _reasons(result, finished)
    return summary.Summary(
        run_id=run_id,
        status="failed" if failure else "succeeded" if result and result.blessed else "not_blessed",
        data_dir=str(data_dir),
        examples=report.counts(),
        quarantined=len(report.quarantined),
        quarantine_csv=quarantine_csv,
        findings=found,
        findings_page=page,
        metrics=_metrics(result),
        blessed=bool(result and result.blessed),
        reasons=reasons,
        pushed=_pushed(finished.get("Pusher")),
        model_dir=str(serving_dir) if serving_dir.exists() else None,
        report=None,
        steps=[
            summary.StepTime(name=step.name, seconds=round(step.seconds, 3), cached=step.cached)
            for step in ran
        ],
        seconds=round(seconds, 3),
    )


def show(outcome: summary.Summary, console: Console, summary_path: Path) -> None:
    """Prints the per-class table, the decision with its reasons, and where the files are."""
    console.print()
    if outcome.metrics:
        console.print(_class_table(outcome.metrics))
        tested = outcome.examples["test"]
        console.print(f"Test accuracy {_percent(outcome.metrics.accuracy)} on {tested:,} images.")
    word, style = _DECISIONS[outcome.status]
    if outcome.status == "succeeded" and outcome.pushed is None:
        word = "Blessed; nothing new to push"
    decision = Text(f"{word}.", style=f"bold {style}")
    console.print(decision, *outcome.reasons, sep="\n  ", soft_wrap=True)
    if outcome.findings:
        console.print(
            f"{_plural(len(outcome.findings), 'finding')} in the images: {outcome.findings_page}",
            soft_wrap=True,
        )
    if outcome.quarantined:
        console.print(
            f"{_plural(outcome.quarantined, 'file')} in quarantine: {outcome.quarantine_csv}",
            soft_wrap=True,
        )
    if outcome.pushed:
        console.print(f"Model: {outcome.pushed.path}", soft_wrap=True)
    elif outcome.model_dir:
        console.print(f"Models: {outcome.model_dir}", soft_wrap=True)
    seconds = (f"{outcome.seconds:.0f} s", "dim")
    console.print(Text.assemble(f"Summary: {summary_path}   ", seconds), soft_wrap=True)


_DECISIONS = {
    "succeeded": ("Blessed and pushed", "green"),
    "not_blessed": ("Not blessed, not pushed", "yellow"),
    "failed": ("Failed", "red"),
}


def _examples(finished: dict[str, runner.Step]) -> tuple[ingest_report.Report, str | None]:
    """The report of the images as they went on, and the list of those that did not."""
    for name, key in (("ImageValidator", "clean_examples"), ("ImageFolderExampleGen", "examples")):
        if name in finished:
            uri = finished[name].uri(key)
            report = ingest_report.Report.read(uri)
            return report, str(Path(uri, ingest_report.QUARANTINE_FILE))
    return ingest_report.Report(), None


def _findings(
    validator: runner.Step | None, failure: Exception | None
) -> tuple[list[summary.Finding], str | None]:
    """What the validation found, and its page; also when it is what broke the run off."""
    page = getattr(failure, "report", None)
    folder = Path(validator.uri("report")) if validator else Path(page).parent if page else None
    if folder is None:
        return [], None
    text = (folder / validation.FINDINGS_FILE).read_text(encoding="utf-8")
    found = [
        summary.Finding(
            check=row.check, severity=row.severity, message=row.message, count=row.count
        )
        for row in validation.from_json(text)
    ]
    return found, str(folder / validation.PAGE_FILE)


def _reasons(result: results.Result, finished: dict[str, runner.Step]) -> list[str]:
    if not result.blessed:
        return result.reasons
    reasons = [f"Accuracy {_percent(result.accuracy)} on the test split meets every threshold."]
    pusher = finished.get("Pusher")
    if pusher and pusher.cached:
        version = pusher.properties("pushed_model").get("pushed_version")
        reasons.append(f"Nothing changed since version {version} was pushed.")
    return reasons


def _metrics(result: results.Result | None) -> summary.Metrics | None:
    if result is None:
        return None
    rows = {
        name: summary.ClassMetrics(**asdict(metrics)) for name, metrics in result.per_class.items()
    }
    return summary.Metrics(accuracy=result.accuracy, per_class=rows)


def _pushed(pusher: runner.Step | None) -> summary.Pushed | None:
    if pusher is None or pusher.cached:
        return None
    properties = pusher.properties("pushed_model")
    if not properties.get("pushed"):
        return None
    return summary.Pushed(
        version=str(properties["pushed_version"]), path=str(properties["pushed_destination"])
    )


def _class_table(metrics: summary.Metrics) -> Table:
    table = Table("class", box=None, padding=(0, 3, 0, 0), header_style="bold")
    for name in ("precision", "recall", "F1", "test images"):
        table.add_column(name, justify="right")
    for name, row in metrics.per_class.items():
        rates = (_percent(row.precision), _percent(row.recall), _percent(row.f1))
        table.add_row(name, *rates, f"{row.support:,}")
    return table


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.1%}"
