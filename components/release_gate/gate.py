"""Runs all checks of the release gate, decides, and writes the decision with its reasons."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pydantic
import tensorflow as tf

from components.predict import config as predict_config
from components.predict import served
from components.preprocess import materialise
from components.release_gate import budget, decision
from components.release_gate import config as gate_config
from components.release_gate.parity import (
    differences,
    export_parity,
    parity,
    parity_images,
    server_trial,
    training_stage,
)
from components.trainer import contract as trained_contract
from data import errors, formats, fresh_process
from data.examples import lookup
from data.files import read_back
from tasks import gate_check, task
from tasks.facets import judging
from tasks.predictions import answered

MEASURED_FILE = "measured.json"
PARITY, EXPORT_PARITY, BUDGET = "parity", "export_parity", "budget"
CORRECTED = "corrected_test_labels"
TEST_SAMPLE = 16  # test images among the parity images, besides one of each class


@dataclass(frozen=True)
class Measured:
    """Measurements of the model as a product.

    Attributes:
      fidelity: parity of the served model with the trained one; None where it was not checked.
      costs: the budget; empty where it was not measured.
      exports: parity of each export for other runtimes.
    """

    fidelity: differences.Parity | None = None
    costs: tuple[budget.Line, ...] = ()
    exports: tuple[export_parity.Compared, ...] = ()

    @classmethod
    def read(cls, uri: str) -> "Measured":
        """Reads what :func:`write` wrote.

        Raises:
          errors.DataError: the file is damaged.
        """
        # Differences may be infinite, which strict JSON does not have.
        make = pydantic.TypeAdapter(cls).validate_python
        path = os.path.join(uri, MEASURED_FILE)
        return read_back.json_file(path, "file of measurements", make, read_back.STEP_AGAIN)


@dataclass(frozen=True)
class Trained:
    """Outputs of training that the SavedModel is compared with.

    Attributes:
      keras_file: the network, pixels → outputs.
      spec: the specification of its pixels.
      eval_files: shards of the eval split's pixels records, which exports are compared on.
    """

    keras_file: Path
    spec: materialise.Spec
    eval_files: Sequence[str] = ()


@dataclass(frozen=True)
class Tested:
    """The test split and the candidate's answers about it.

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
    """A decision and the measurements behind it.

    Attributes:
      decision: the decision with all checks.
      measured: parity and budget.
      trial: the server's answers for InfraValidator; None where no server was started.
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
    corrected: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Outcome:
    """Decides whether a model may be released.

    Args:
      job: the settings.
      labels: the label map of the data.
      tested: the test images and the candidate's answers.
      candidate_dir: the candidate's SavedModel.
      trained: the training outputs that it was exported from.
      served_dir: the SavedModel in serving; None before the first release.
      corrected: path of each test image whose labels a person corrected → the labels before.
    """
    about = (tested.predictions_uri, tested.split)
    learned = task.load(trained.spec.task)
    candidate = learned.answers.read(*about).aligned(labels)
    before, checks = None, []
    if served_dir is not None:
        other = trained_contract.read(served_dir)["task"]
        if other == learned.name:
            before = served.answers(served_dir, *about, tested.files, Path(job.cache_dir))
        else:
            checks = [_other_task(other, learned.name)]
    trial = None
    if job.trial is not None:
        trial = server_trial.Asker(candidate_dir, tested.files, trained.spec, job.trial)
    measured = measure(trained, candidate_dir, tested.files, job.config, trial)
    # Each further kind of check adds one line here.
    checks += quality(learned, candidate, before, job) + product(
        measured, job.config, learned.compare
    )
    if corrected:
        checks.append(corrected_labels(candidate, before, corrected))
    return Outcome(decision.decide(checks, job.config), measured, trial.record if trial else None)


def quality(
    learned: task.Task,
    candidate: answered.Answered,
    before: answered.Answered | None,
    job: gate_config.GateJob,
) -> list[gate_check.Check]:
    """Returns the checks of quality: limits and, where there is one, against the served model."""
    checks = learned.evidence.limits(candidate, job.config, job.evaluate)
    if before is not None:
        checks += learned.evidence.against_served(candidate, before, job.config)
    return checks


def corrected_labels(
    candidate: answered.Answered,
    before: answered.Answered | None,
    corrected: Mapping[str, Sequence[str]],
) -> gate_check.Check:
    """Tells which labels both models are judged on, and the share right on those before.

    Args:
      candidate: its answers, with the labels of the data.
      before: the served model's about the same images; None without one.
      corrected: path of each image whose labels were corrected → the labels before.
    """
    count = sum(path in corrected for path in candidate.paths)
    figures: dict[str, Any] = {"count": count}
    told = [
        f"{count:,} of {formats.plural(len(candidate.paths), 'test label')}"
        f" {'was' if count == 1 else 'were'} corrected by a person;"
        f" {'both models are' if before else 'the model is'} judged on the corrected labels."
    ]
    for name, title, one in (
        ("candidate", "The candidate", candidate),
        ("served", "The served model", before and before.aligned(candidate.labels)),
    ):
        known = one and one.relabelled(corrected)
        if one is None or known is None or not len(one.paths):
            continue
        now, then = float(one.right.mean()), float(known.right.mean())
        figures |= {f"{name}_right": now, f"{name}_right_before": then}
        told.append(
            f"{title} is right on {formats.percent(now)} of the images by the corrected labels, on"
            f" {formats.percent(then)} by those before."
        )
    return gate_check.Check(CORRECTED, "release", " ".join(told), figures)


def _other_task(served_task: str, own: str) -> gate_check.Check:
    return gate_check.Check(
        decision.OTHER_TASK,
        "release",
        f"The served model is one of {served_task}, the candidate one of {own}: they are not"
        " compared, and the candidate is checked against the limits only.",
        {"served": served_task, "candidate": own},
    )


def measure(
    trained: Trained,
    saved_model: Path,
    files: Sequence[str],
    config: gate_config.GateConfig,
    trial: server_trial.Asker | None = None,
) -> Measured:
    """Runs the parity images through every stage of the model and measures its costs.

    Args:
      trained: the outputs of training.
      saved_model: the model.
      files: shards of the test images' records.
      config: the settings.
      trial: sends InfraValidator's requests to the server, where one is started.
    """
    if not config.parity:
        return Measured()
    compare = task.load(trained.spec.task).compare
    samples = lookup.one_of_each_class(files, len(trained.spec.labels))
    images = parity_images.images(samples, lookup.first(files, TEST_SAMPLE))
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
        getattr(config, compare.setting),
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


def product(
    measured: Measured, config: gate_config.GateConfig, compare: judging.Compare
) -> list[gate_check.Check]:
    """Returns the checks of parity, exports included, and of the budget."""
    checks = [
        gate_check.Check(BUDGET, "release" if line.ok else "refuse", line.sentence)
        for line in measured.costs
        if line.limit is not None
    ]
    checks += [
        gate_check.Check(
            EXPORT_PARITY, "release" if one.ok else "refuse", one.sentence, one.figures
        )
        for one in measured.exports
    ]
    found = measured.fidelity
    if found is None:
        return checks
    checks += [gate_check.Check(PARITY, "refuse", problem) for problem in found.problems]
    if found.ok:
        sentence = (
            f"{found.images} parity images, unusual and broken ones included, get the same answers"
            f" as from {training_stage.STAGE} in {', '.join(found.largest)}: the largest"
            f" {compare.unit} is {max(found.largest.values(), default=0):.2g}"
            f" ({getattr(config, compare.setting):g} is allowed)."
        )
        checks.append(gate_check.Check(PARITY, "release", " ".join([sentence, *found.left_out])))
    return checks


def write(uri: str, outcome: Outcome) -> None:
    """Writes the decision and the measurements into a folder."""
    outcome.decision.write(uri)
    if outcome.trial is not None:
        outcome.trial.write(uri)
    with tf.io.gfile.GFile(os.path.join(uri, MEASURED_FILE), "w") as file:
        file.write(json.dumps(asdict(outcome.measured), indent=1))
