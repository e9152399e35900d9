"""Asks the models, checks their answers, decides, and writes down why."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from components.evaluator import predictions
from components.release_gate import against_served, decision, floors
from components.release_gate import config as gate_config
from components.trainer import export

CANDIDATE_FILE = "candidate.npz"
SERVED_FILE = "served.npz"


@dataclass(frozen=True)
class Outcome:
    """A decision and the answers that it stands on.

    Attributes:
      decision: with all checks.
      candidate: the answers of the model to be released, with the labels of the data.
      served: those of the model in serving, with its own labels; None where there is none.
    """

    decision: decision.Decision
    candidate: predictions.Predictions
    served: predictions.Predictions | None


def run(
    job: gate_config.GateJob,
    labels: Sequence[str],
    files: Sequence[str],
    candidate_dir: Path,
    served_dir: Path | None,
) -> Outcome:
    """Decides about a model.

    Args:
      job: the settings.
      labels: the label map of the data.
      files: shards of the test images' records.
      candidate_dir: the SavedModel that may be released.
      served_dir: the SavedModel in its place today; None before the first release.
    """
    candidate = _ask(candidate_dir, files).aligned(labels)
    served = None if served_dir is None else _ask(served_dir, files)
    # Every further kind of check is one more line here: parity, budget.
    checks = quality(candidate, served, job.config)
    return Outcome(decision.decide(checks, job.config), candidate, served)


def quality(
    candidate: predictions.Predictions,
    served: predictions.Predictions | None,
    config: gate_config.GateConfig,
) -> list[decision.Check]:
    """The checks of how often the candidate is right; without a served model, the floors alone."""
    checks = floors.check(candidate, config)
    if served is not None:
        checks += against_served.check(candidate, served, config)
    return checks


def write(uri: str, outcome: Outcome) -> None:
    """Writes the decision and the answers into a folder."""
    outcome.decision.write(uri)
    with tempfile.TemporaryDirectory() as scratch:
        for name, answers in ((CANDIDATE_FILE, outcome.candidate), (SERVED_FILE, outcome.served)):
            if answers is not None:
                answers.save(Path(scratch) / name)
                tf.io.gfile.copy(os.path.join(scratch, name), os.path.join(uri, name))


def _ask(model_dir: Path, files: Sequence[str]) -> predictions.Predictions:
    contract = json.loads((model_dir / "assets" / export.CONTRACT_FILE).read_text("utf-8"))
    return predictions.predict(model_dir, contract["labels"], files)
