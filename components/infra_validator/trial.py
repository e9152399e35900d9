"""Tries a model on the server that will serve it: it must load and return valid answers in time.

The release gate checks that the answers are those of the trained model. Where it has started a
server, that server's answers are reused. Dimension letters: N images, K classes.
"""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
import tensorflow as tf

from components.infra_validator import config as infra_config
from components.predict import exported_model
from components.release_gate.parity import (
    parity_images,
    probe,
    server_process,
    server_trial,
)
from components.trainer import contract as trained_contract
from data.files import read_back
from tasks import task

FILE = "trial.json"
Step = Literal["ReleaseGate", "InfraValidator"]
GATE: Step = "ReleaseGate"
OWN: Step = "InfraValidator"
# Small parity images that together use every path of the decoding.
WARM_UPS = ("JPEG, EXIF orientation 1", "PNG with alpha", "GIF", "BMP")
_MAX_SAID = 300  # characters


@dataclass(frozen=True)
class Trial:
    """The outcome of a trial.

    Attributes:
      ok: whether the model may be pushed.
      sentence: the reason.
      details: the last log lines of a server that did not accept the model.
      start_s: seconds until the server had loaded the model; None where it never had.
      p50_ms: the median time of a request of one image, in milliseconds; None as above.
      p99_ms: its 99th percentile.
      tried_by: the step that started the server.
    """

    ok: bool
    sentence: str
    details: str = ""
    start_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    tried_by: Step = OWN

    def write(self, uri: str) -> None:
        """Writes ``trial.json`` into a folder."""
        with tf.io.gfile.GFile(os.path.join(uri, FILE), "w") as file:
            file.write(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, uri: str) -> "Trial":
        """Reads what :meth:`write` wrote.

        Raises:
          errors.DataError: the file is damaged.
        """
        make = pydantic.TypeAdapter(cls).validate_python
        path = os.path.join(uri, FILE)
        return read_back.json_file(path, "outcome of the trial", make, read_back.STEP_AGAIN)


def left_out(config: infra_config.InfraConfig) -> str | None:
    """Returns the reason why models are not tried on a server here; None where they are."""
    if not config.enabled:
        return "No model is tried on a server before the push: infra.enabled is false."
    missing = server_process.missing()
    return missing and f"No model is tried on a server before the push: {missing}."


def warm_ups() -> list[bytes]:
    """Returns encoded images for the first requests: generated ones, so no user image is pushed."""
    return [image.encoded for image in parity_images.images({}) if image.name in WARM_UPS]


@dataclass(frozen=True)
class About:
    """What the contract of a model states about its answers.

    Attributes:
      classes: the number K of its classes.
      task_name: what it learned.
      width: the number of values of its answer about an image, see ``judging.Compare``.
    """

    classes: int
    task_name: str
    width: int

    @classmethod
    def read(cls, saved_model: Path) -> "About":
        """Reads a SavedModel's contract.

        Raises:
          errors.DataError: the contract is damaged.
        """
        contract = trained_contract.read(saved_model)
        width = task.load(contract["task"]).compare.width(contract)
        return cls(len(contract["labels"]), contract["task"], width)


def run(
    saved_model: Path,
    encoded: Sequence[bytes],
    about: About,
    config: infra_config.InfraConfig,
    gate_uri: str | None = None,
) -> Trial:
    """Checks a server's answers; starts a server where the release gate has not left any.

    Args:
      saved_model: the folder with ``saved_model.pb``.
      encoded: images that it must be able to read.
      about: the model's answers.
      config: the limits.
      gate_uri: the artifact in which the release gate may have left its server's answers.
    """
    answers = taken_over(gate_uri, saved_model, encoded, config) if gate_uri else None
    if answers is not None:
        return judge(answers, about, config, GATE)
    missing = server_process.missing()
    if missing:
        return Trial(False, f"The model was not tried on a server: {missing}.")
    if not encoded:
        return Trial(False, "The model was not tried on a server: there is no test image.")
    for _ in range(config.tries):
        try:
            with server_process.running(saved_model, config.start_limit_s) as address:
                answers = server_trial.ask(
                    address, encoded, config.questions, task.load(about.task_name).compare
                )
        except server_process.ServerError as error:
            refused = _refused(str(error))
        else:
            return judge(answers, about, config)
    return refused


def taken_over(
    gate_uri: str,
    saved_model: Path,
    encoded: Sequence[bytes],
    config: infra_config.InfraConfig,
) -> server_trial.Answers | None:
    """Returns the answers of the release gate's server to the same requests for the same model.

    Args:
      gate_uri: the gate's artifact.
      saved_model: the folder with ``saved_model.pb``.
      encoded: the images that this step would send.
      config: the requests that it would send, and the limits.

    Returns:
      None where there are no such answers; the log states why.
    """
    try:
        found = server_trial.Record.read(gate_uri)
    except read_back.AbsentError:
        problem = "it started none"
    except read_back.ReadError as error:
        problem = str(error)
    else:
        slowest_s = max(found.answers.latencies_ms) / 1000
        if found.model != exported_model.digest(saved_model):
            problem = "it had loaded another model"
        elif found.asked != server_trial.digest(encoded, config.questions):
            problem = "it got other requests"
        elif found.answers.start_s > config.start_limit_s or slowest_s > config.request_limit_s:
            problem = "it took too long once and is tried again"
        else:
            return found.answers
    logging.info("The answers of %s's server are not reused: %s.", GATE, problem.rstrip("."))
    return None


def _refused(message: str) -> Trial:
    reason, _, details = message.partition(" Its last lines:")
    last = details.strip().rpartition("\n")[2].strip()
    said = f" Its last output: {last[:_MAX_SAID]}" if last else ""
    return Trial(False, f"The server did not accept the model. {reason}{said}", details)


def judge(
    answers: server_trial.Answers,
    about: About,
    config: infra_config.InfraConfig,
    tried_by: Step = OWN,
) -> Trial:
    """Decides by a server's answers; ``tried_by`` is the step that started the server."""
    p50_ms, p99_ms = (float(np.percentile(answers.latencies_ms, rank)) for rank in (50, 99))
    timed = (
        f"{len(answers.latencies_ms)} requests of one image took {p50_ms:.1f} ms in the median"
        f" (at most {config.max_latency_ms:g} ms is allowed)"
    )
    problem = unsound(answers.alone, about, [True] * len(answers.alone.valid))
    problem = problem or unsound(answers.mixed, about, [True, False, True])
    if problem is None and p50_ms > config.max_latency_ms:
        problem = f"The server is too slow: {timed}."
    start_s = answers.start_s
    sentence = problem or (
        f"The server loaded the model in {start_s:.1f} s and returns valid answers; {timed}."
    )
    if tried_by == GATE:
        sentence += f" Tried by {GATE}'s server."
    return Trial(problem is None, sentence, "", start_s, p50_ms, p99_ms, tried_by)


def unsound(stage: probe.Stage, about: About, readable: Sequence[bool]) -> str | None:
    """Returns why an answer is invalid, whatever the correct one may be; None where it is valid.

    Args:
      stage: the answer, N rows.
      about: the model's answers.
      readable: N flags, true where the content is an image.
    """
    expected = (len(readable), about.width)
    compare = task.load(about.task_name).compare
    what = compare.output.replace("_", " ")
    if stage.values.shape != expected:
        return (
            f"The server returns {what} of shape {list(stage.values.shape)};"
            f" the model's contract requires {list(expected)}."
        )
    if not np.isfinite(stage.values).all():
        return f"The server returns {what} that are not finite numbers."
    wrong = np.flatnonzero(stage.valid != np.array(readable))
    if wrong.size:
        verb = "cannot read" if readable[wrong[0]] else "reports as readable what is not"
        return f"The server {verb} an image ({wrong.size} of {len(readable)} sent)."
    problem = compare.problem(stage.values, np.array(readable))
    return problem and f"The server returns {problem}."
