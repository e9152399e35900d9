"""Checks the answers of the models, decides, and writes down why."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic
import tensorflow as tf

from components.predict import config as predict_config
from components.predict import predictions, served
from components.preprocess import materialise
from components.release_gate import against_served, budget, decision, limits
from components.release_gate import config as gate_config
from components.release_gate.parity import (
    export_parity,
    parity,
    parity_images,
    server_trial,
    training_stage,
)
from data import errors, fresh_process
from data.examples import lookup
from data.files import read_back

MEASURED_FILE = "measured.json"
PARITY, EXPORT_PARITY, BUDGET = "parity", "export_parity", "budget"


@dataclass(frozen=True)
class Measured:
    """What was found of the model as a product.

    Attributes:
      fidelity: whether what is served is what was trained; None where it was not looked at.
      costs: what it takes; empty where it was not measured.
      exports: the same as fidelity of each export for other runtimes.
    """

    fidelity: parity.Parity | None = None
    costs: tuple[budget.Line, ...] = ()
    exports: tuple[export_parity.Compared, ...] = ()

    @classmethod
    def read(cls, uri: str) -> "Measured":
        """Reads what :func:`write` wrote.

        Raises:
          errors.DataError: it is damaged.
        """
        # Differences may be infinite, which strict JSON does not have.
        make = pydantic.TypeAdapter(cls).validate_python
        path = os.path.join(uri, MEASURED_FILE)
        return read_back.json_file(path, "file of measurements", make, read_back.STEP_AGAIN)


@dataclass(frozen=True)
class Trained:
    """What training left, to hold the SavedModel against.

    Attributes:
      keras_file: the classifier, pixels → logits.
      spec: what its pixels were.
      eval_files: shards of the eval split's pixels records, which exports are asked about.
    """

    keras_file: Path
    spec: materialise.Spec
    eval_files: Sequence[str] = ()


@dataclass(frozen=True)
class Tested:
    """The test split and what was answered about it.

    Attributes:
      files: shards of the images' records.
      predictions_uri: the candidate's answers, a Predictions artifact.
      split: the split's name.
    """

    files: Sequence[str]
    predictions_uri: str
    split: str = predict_config.TEST_SPLIT


@dataclass(frozen=True)
class Outcome:
    """A decision and what it stands on besides the answers.

    Attributes:
      decision: with all checks.
      measured: parity and budget.
      trial: what the server that was started answers to InfraValidator; None where none was.
    """

    decision: decision.Decision
    measured: Measured
    trial: server_trial.Record | None = None


def run(
    job: gate_config.GateJob,
    labels: Sequence[str],
    tested: Tested,
    candidate_dir: Path,
    trained: Trained,
    served_dir: Path | None,
) -> Outcome:
    """Decides about a model.

    Args:
      job: the settings.
      labels: the label map of the data.
      tested: the test images and what the candidate answered.
      candidate_dir: the SavedModel that may be released.
      trained: what it was exported from.
      served_dir: the SavedModel in its place today; None before the first release.
    """
    answered = (tested.predictions_uri, tested.split)
    candidate = predictions.Predictions.read(*answered).aligned(labels)
    before = None
    if served_dir is not None:
        before = served.answers(served_dir, *answered, tested.files, Path(job.cache_dir))
    trial = None
    if job.trial is not None:
        trial = server_trial.Asker(candidate_dir, tested.files, len(trained.spec.labels), job.trial)
    measured = measure(trained, candidate_dir, tested.files, job.config, trial)
    # Every further kind of check is one more line here.
    checks = quality(candidate, before, job) + product(measured, job.config)
    return Outcome(decision.decide(checks, job.config), measured, trial.record if trial else None)


def quality(
    candidate: predictions.Predictions,
    before: predictions.Predictions | None,
    job: gate_config.GateJob,
) -> list[decision.Check]:
    """The checks of how often the candidate is right; without a served model, the limits alone."""
    checks = limits.check(candidate, job.config, job.evaluate)
    if before is not None:
        checks += against_served.check(candidate, before, job.config)
    return checks


def measure(
    trained: Trained,
    saved_model: Path,
    files: Sequence[str],
    config: gate_config.GateConfig,
    trial: server_trial.Asker | None = None,
) -> Measured:
    """Asks the model about the golden images in every way, and what that costs.

    Args:
      trained: what training left.
      saved_model: the model.
      files: shards of the test images' records.
      config: the settings.
      trial: asks the server, where one is started, what InfraValidator wants to know.
    """
    if not config.parity:
        return Measured()
    images = parity_images.images(lookup.one_of_each_class(files, len(trained.spec.labels)))
    asked = export_parity.Images(images, trained.eval_files)
    exports: list[export_parity.Compared] = []
    problems: list[str] = []

    def ask_exports(worker: fresh_process.Worker) -> None:
        about = (trained.keras_file, saved_model, trained.spec, asked, config.exports)
        try:
            exports.extend(export_parity.check(*about, worker))
        except errors.PipelineError as error:
            problems.extend(error.problems)

    found = parity.check(
        trained.keras_file,
        saved_model,
        images,
        config.parity_tolerance,
        spec=trained.spec,
        ask_server=config.ask_server,
        ask_also=trial,
        meanwhile=ask_exports,
    )
    found.problems += problems
    if found.measured is None:
        return Measured(found)
    allowed = (config.max_model_mib, config.max_latency_ms, config.max_memory_mib)
    return Measured(found, tuple(budget.check(found.measured, *allowed)), tuple(exports))


def product(measured: Measured, config: gate_config.GateConfig) -> list[decision.Check]:
    """The checks of parity, of the exports' too, and budget."""
    checks = [
        decision.Check(BUDGET, "release" if line.ok else "refuse", line.sentence)
        for line in measured.costs
        if line.limit is not None
    ]
    checks += [
        decision.Check(EXPORT_PARITY, "release" if one.ok else "refuse", one.sentence, one.figures)
        for one in measured.exports
    ]
    found = measured.fidelity
    if found is None:
        return checks
    checks += [decision.Check(PARITY, "refuse", problem) for problem in found.problems]
    if found.ok:
        told = (
            f"{found.images} golden images, oddities and broken ones among them, are answered as"
            f" by {training_stage.STAGE} in {', '.join(found.largest)}: no probability differs"
            f" by more than {max(found.largest.values(), default=0):.2g}"
            f" ({config.parity_tolerance:g} is allowed)."
        )
        checks.append(decision.Check(PARITY, "release", " ".join([told, *found.left_out])))
    return checks


def write(uri: str, outcome: Outcome) -> None:
    """Writes the decision and what was measured into a folder."""
    outcome.decision.write(uri)
    if outcome.trial is not None:
        outcome.trial.write(uri)
    with tf.io.gfile.GFile(os.path.join(uri, MEASURED_FILE), "w") as file:
        file.write(json.dumps(asdict(outcome.measured), indent=1))
