"""Describes what each step did, in one line for people, from its artifacts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.image_validator import findings as validation
from components.predict import config as predict_config
from components.preprocess import materialise
from components.release_gate import decision as release
from components.trainer import history as training_history
from components.trainer import hyperparameters
from components.trainer.loop import phase_names
from data import formats
from data.examples import examples_artifact
from data.files import read_back
from pipeline.run import runner
from tasks.predictions import schema

TUNER_RESULTS_FILE = "tuner_results.json"  # TFX's own name for it


def describe(step: runner.Step) -> str:
    """Returns one line on what a step did; empty if there is nothing to report."""
    describer = _DESCRIBERS.get(step.name)
    return describer(step) if describer else ""


def _ingest(step: runner.Step) -> str:
    report = examples_artifact.read_report(step.uri("examples"))
    counts = ", ".join(f"{count:,} {name}" for name, count in report.counts().items())
    parts = [counts]
    if report.quarantined:
        parts.append(f"{len(report.quarantined):,} in quarantine")
    if report.corrections.sentence():
        parts.append(report.corrections.sentence())
    known = sum(report.counts().values()) + len(report.quarantined) - report.decoded
    if known:
        parts.append(f"{report.decoded:,} decoded, {known:,} known")
    return "; ".join([", ".join(parts), *(scaled.sentence() for scaled in report.scaled)])


def _validate(step: runner.Step) -> str:
    findings = validation.read(step.uri("report"))
    if not findings:
        return "nothing found"
    more = f" (+{len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{findings[0].message}{more}"


def _preprocess(step: runner.Step) -> str:
    spec = materialise.Spec.read(step.uri("pixels"))
    return f"{sum(spec.counts.values()):,} images at {spec.size_px}×{spec.size_px} px"


def _tune(step: runner.Step) -> str:
    path = Path(step.uri("tuner_results"), TUNER_RESULTS_FILE)
    return read_back.json_file(path, "results of the tuner", _best, read_back.STEP_AGAIN)


def _best(rows: list[dict[str, Any]]) -> str:
    best = min(rows, key=lambda row: row["score"])
    own = ("score", "trial_id")
    values = [
        f"{name} {value:.3g}"
        for name, value in best.items()
        if name not in own and not name.startswith(hyperparameters.OF_THE_TUNER)
    ]
    return f"best of {len(rows)}: eval loss {best['score']:.4f} with {', '.join(values)}"


def _train(step: runner.Step) -> str:
    path = Path(step.uri("model_run"), training_history.FILE)
    text = read_back.text(path, "history of a training", read_back.STEP_AGAIN)
    history = training_history.History.from_json(text)
    with read_back.reading(f"history of a training {path}", read_back.STEP_AGAIN):
        return _phases(history)


def _phases(history: training_history.History) -> str:
    if not history.phases:
        return history.cache
    parts = [
        f"{phase_names.TITLES[phase]} {formats.percent(history.best_score(phase))}"
        for phase in history.phases
    ]
    return f"eval {history.score_title}: {', then '.join(parts)}; {history.cache}"


def _predict(step: runner.Step) -> str:
    counts = {name: schema.count(step.uri("predictions"), name) for name in predict_config.SPLITS}
    predicted = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return f"predicted {predicted}"


def _decide(step: runner.Step) -> str:
    decided = release.Decision.read(step.uri("decision"))
    properties = step.properties("blessing")
    held = "compared with the served model"
    if any(check.name == release.OTHER_TASK for check in decided.checks):
        held = "not compared with the served model of another task"
    elif "baseline_model_id" not in properties:
        held = "no earlier model"
    return f"{decided.verdict}, {held}"


def _try(step: runner.Step) -> str:
    return str(step.properties("blessing").get("reason", ""))


def _push(step: runner.Step) -> str:
    properties = step.properties("pushed_model")
    if properties.get("reason"):
        return str(properties["reason"])
    return f"version {properties['pushed_version']}" if properties.get("pushed") else "not pushed"


_DESCRIBERS: dict[str, Callable[[runner.Step], str]] = {
    "ImageFolderExampleGen": _ingest,
    "ImageValidator": _validate,
    "Preprocess": _preprocess,
    "Tuner": _tune,
    "Trainer": _train,
    "Predict": _predict,
    "ReleaseGate": _decide,
    "InfraValidator": _try,
    "Pusher": _push,
}
