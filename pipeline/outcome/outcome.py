"""The outcome of a run: collects the summary from the artifacts, and prints the result."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.evaluator import results
from components.image_validator import findings as validation
from components.predict import config as predict_config
from components.release_gate import decision as release
from components.report import config as report_config
from data import formats
from data.examples import examples_artifact, ingest_report
from data.splits import folder
from pipeline.outcome import summary
from pipeline.run import runner, terminal
from pipeline.settings import pipeline_config
from tasks import task
from tasks.pages import parts


def summarise(
    run_id: str,
    config: pipeline_config.PipelineConfig,
    listing: folder.Listing,
    labels: list[str],
    serving_dir: Path,
    ran: list[runner.Step],
    seconds: float,
    failure: Exception | None,
) -> summary.Summary:
    """Collects the outcome of a run.

    Args:
      run_id: the name of the run.
      config: the settings of the run.
      listing: the listing of the data folder.
      labels: the label map.
      serving_dir: the folder of the model's versions.
      ran: the steps that ran, in order; after a failure, the last one is the failed one.
      seconds: wall time of the run.
      failure: why it failed, or None.
    """
    finished = {step.name: step for step in ran if step.outputs}
    report, quarantine_csv = _examples(finished)
    found, page = _findings(finished.get("ImageValidator"), failure)
    result = decided = None
    if "Evaluator" in finished:
        result = results.read(
            finished["Evaluator"].uri("evaluation"), config.task, labels, config.evaluate
        )
    if "ReleaseGate" in finished:
        decided = release.Decision.read(finished["ReleaseGate"].uri("decision"))
    reasons = [str(failure)] if failure else []
    reasons += _reasons(decided, finished)
    tried = _trial(finished.get("InfraValidator"))
    reasons += tried.reasons
    blessed = bool(decided and decided.blessed and not tried.refused)
    reported, predict = finished.get("Report"), finished.get("Predict")
    return summary.Summary(
        run_id=run_id,
        status=_status(failure, blessed, "Pusher" in finished),
        task=config.task,
        data_dir=str(listing.root),
        fingerprint=listing.fingerprint(),
        layout=_layout(listing, finished.get("ImageFolderExampleGen")),
        examples=report.counts(),
        quarantined=len(report.quarantined),
        quarantine_csv=quarantine_csv,
        corrections=summary.Corrections.of(report.corrections),
        findings=found,
        findings_page=page,
        metrics=_metrics(task.load(config.task), result, predict),
        verdict=decided.verdict if decided else None,
        blessed=blessed,
        reasons=reasons,
        pushed=_pushed(finished.get("Pusher")),
        model_dir=str(serving_dir) if serving_dir.exists() else None,
        predictions=predict.uri("predictions") if predict else None,
        report=_file(reported, report_config.PAGE_FILE),
        model_card=_file(reported, report_config.CARD_FILE),
        steps=[
            summary.StepTime(name=step.name, seconds=round(step.seconds, 3), cached=step.cached)
            for step in ran
        ],
        seconds=round(seconds, 3),
    )


def _status(failure: Exception | None, blessed: bool, reached_the_end: bool) -> summary.Status:
    if failure:
        return "failed"
    if not reached_the_end:
        return "partial"
    return "succeeded" if blessed else "not_blessed"


def show(outcome: summary.Summary, console: Console, summary_path: Path) -> None:
    """Prints the per-class table, the decision with its reasons, and the paths of the files."""
    console.print()
    if outcome.metrics:
        panels = task.load(outcome.task).panels
        console.print(_table(panels.table(outcome.metrics)))
        console.print(panels.sentence(outcome.metrics, outcome.examples["test"]))
    word, style = _DECISIONS[outcome.status]
    if outcome.status == "not_blessed" and outcome.verdict == "inconclusive":
        word = "Inconclusive, not pushed"
    if outcome.status == "succeeded" and outcome.pushed is None:
        word = "Released; nothing new to push"
    terminal.say(console, Text(f"{word}.", style=f"bold {style}"))
    lines = (line for reason in outcome.reasons for line in reason.splitlines())
    terminal.say(console, *lines, indent=2)
    if outcome.corrections:
        terminal.say(console, outcome.corrections.sentence())
    if outcome.findings:
        found = formats.plural(len(outcome.findings), "finding")
        terminal.say(console, f"{found} in the images: {outcome.findings_page}")
    if outcome.quarantined:
        bad = formats.plural(outcome.quarantined, "file")
        terminal.say(console, f"{bad} in quarantine: {outcome.quarantine_csv}")
    if outcome.layout and outcome.layout.unused_csv and outcome.layout.unused:
        unused = formats.plural(sum(outcome.layout.unused.values()), "file")
        terminal.say(console, f"{unused} not used: {outcome.layout.unused_csv}")
    if outcome.report:
        terminal.say(console, f"Report: {outcome.report}")
    if outcome.pushed:
        terminal.say(console, f"Model: {outcome.pushed.path}")
    elif outcome.model_dir:
        terminal.say(console, f"Models: {outcome.model_dir}")
    seconds = (f"{outcome.seconds:.0f} s", "dim")
    terminal.say(console, Text.assemble(f"Summary: {summary_path}   ", seconds))


_DECISIONS = {
    "succeeded": ("Released and pushed", "green"),
    "not_blessed": ("Refused, not pushed", "yellow"),
    "partial": ("Finished the requested steps", "green"),
    "failed": ("Failed", "red"),
}


def _examples(finished: dict[str, runner.Step]) -> tuple[ingest_report.Report, str | None]:
    """Returns the report on the images that were used, and the list of the quarantined files."""
    for name, key in (("ImageValidator", "clean_examples"), ("ImageFolderExampleGen", "examples")):
        if name in finished:
            uri = finished[name].uri(key)
            report = examples_artifact.read_report(uri)
            return report, str(Path(uri, examples_artifact.QUARANTINE_FILE))
    return ingest_report.Report(), None


def _layout(listing: folder.Listing, ingest: runner.Step | None) -> summary.Layout:
    """Returns the layout found before the run, with the files that ingest left unused."""
    layout = summary.Layout.of(listing)
    if ingest is None:
        return layout
    uri = ingest.uri("examples")
    report = examples_artifact.read_report(uri)
    path = str(Path(uri, examples_artifact.UNUSED_FILE))
    return layout.ingested(report, path)


def _findings(
    validator: runner.Step | None, failure: Exception | None
) -> tuple[list[summary.Finding], str | None]:
    """Returns the validation's findings and page, also if the validation stopped the run."""
    page = getattr(failure, "report", None)
    folder = Path(validator.uri("report")) if validator else Path(page).parent if page else None
    if folder is None:
        return [], None
    found = [
        summary.Finding(
            check=row.check, severity=row.severity, message=row.message, count=row.count
        )
        for row in validation.read(folder)
    ]
    return found, str(folder / validation.PAGE_FILE)


def _reasons(decided: release.Decision | None, finished: dict[str, runner.Step]) -> list[str]:
    if decided is None:
        return []
    reasons = list(decided.reasons)
    if decided.verdict == "inconclusive" and not decided.blessed:
        reasons.append("To push it anyway: --gate.inconclusive release.")
    pusher = finished.get("Pusher")
    if decided.blessed and pusher and pusher.cached:
        version = pusher.properties("pushed_model").get("pushed_version")
        reasons.append(f"Nothing changed since version {version} was pushed.")
    return reasons


@dataclass(frozen=True)
class _Trial:
    """The result of the trial on the model server."""

    refused: bool = False
    reasons: tuple[str, ...] = ()


def _trial(step: runner.Step | None) -> _Trial:
    if step is None:
        return _Trial()
    properties = step.properties("blessing")
    reason = str(properties.get("reason", ""))
    return _Trial(not properties.get("blessed"), (reason,) if reason else ())


def _file(step: runner.Step | None, name: str) -> str | None:
    return str(Path(step.uri("report"), name)) if step else None


def _metrics(what: task.Task, found: Any | None, predict: runner.Step | None) -> Any | None:
    if found is None:
        return None
    answered = None
    if predict:
        answered = what.answers.read(predict.uri("predictions"), predict_config.TEST_SPLIT)
    return what.panels.metrics(found, answered)


def _pushed(pusher: runner.Step | None) -> summary.Pushed | None:
    if pusher is None or pusher.cached:
        return None
    properties = pusher.properties("pushed_model")
    if not properties.get("pushed"):
        return None
    return summary.Pushed(
        version=str(properties["pushed_version"]), path=str(properties["pushed_destination"])
    )


def _table(content: parts.Table) -> Table:
    first, *others = content.columns
    table = Table(first, box=None, padding=(0, 3, 0, 0), header_style="bold")
    for name in others:
        table.add_column(name, justify="right")
    for row in content.rows:
        table.add_row(*row)
    return table
