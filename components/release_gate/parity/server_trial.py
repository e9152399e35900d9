"""What a running server is asked when a model is tried, and its answers as a file.

Whoever has a server running asks: the release gate beside its own questions, InfraValidator where
the gate had none. What the answers are worth is InfraValidator's question. Dimension letters:
N images, K classes.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.predict import asking
from components.release_gate import config as gate_config
from components.release_gate.parity import probe, server_stage
from data.examples import lookup
from data.files import read_back

FILE = "server_trial.json"
NO_IMAGE = b"This is no image.\n"
_OUTPUTS = {"probabilities", "valid"}


@dataclass(frozen=True)
class Answers:
    """What a server said.

    Attributes:
      start_s: seconds until it had loaded the model.
      alone: of N images, asked one by one.
      mixed: of an image, of what is no image, and of an image, asked together.
      latencies_ms: of single requests, in milliseconds.
    """

    start_s: float
    alone: probe.Stage
    mixed: probe.Stage
    latencies_ms: Sequence[float]


def images(files: Sequence[str], count: int, classes: int) -> list[bytes]:
    """One encoded image of each class, of at most ``count`` classes.

    Args:
      files: shards of image records.
      count: of images at most.
      classes: how many there are.
    """
    return list(lookup.one_of_each_class(files, min(count, classes)).values())


def ask(
    address: server_stage.Address,
    encoded: Sequence[bytes],
    questions: gate_config.TrialQuestions,
) -> Answers:
    """Asks a server that runs.

    Args:
      address: where.
      encoded: images that it must be able to read, at least one.
      questions: how many, and how long an answer may take.

    Raises:
      server_stage.ServerError: it gives no answer in time, an error, or answers something else.
    """
    with server_stage.asked(address, questions.request_limit_s) as (client, rank, offered):
        absent = sorted(_OUTPUTS - offered)
        if absent:
            raise server_stage.ServerError(f"The server's answer lacks {' and '.join(absent)}.")

        def answer(values: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            found = server_stage.infer(client, address.model, values, rank, _OUTPUTS)
            return found["probabilities"], found["valid"].astype(bool)

        rows, latencies_ms = [], []
        for index in range(max(questions.requests, len(encoded))):
            start = time.perf_counter()
            rows.append(answer([encoded[index % len(encoded)]]))
            latencies_ms.append(1000 * (time.perf_counter() - start))
        mixed = answer([encoded[0], NO_IMAGE, encoded[-1]])
    probabilities, valid = (np.concatenate(part) for part in zip(*rows, strict=True))
    stage = server_stage.STAGE
    return Answers(
        address.start_s,
        probe.Stage(stage, probabilities, valid),
        probe.Stage(stage, *mixed),
        latencies_ms,
    )


@dataclass(frozen=True)
class Record:
    """Answers, and what they are the answers of.

    Attributes:
      model: the digest of the SavedModel's files.
      asked: the digest of the questions.
      answers: to them.
    """

    model: str
    asked: str
    answers: Answers

    def write(self, uri: str) -> None:
        """Writes ``server_trial.json`` into a folder."""
        answers = self.answers
        content = {
            "model": self.model,
            "asked": self.asked,
            "start_s": answers.start_s,
            "latencies_ms": list(answers.latencies_ms),
            "alone": _lists(answers.alone),
            "mixed": _lists(answers.mixed),
        }
        with tf.io.gfile.GFile(os.path.join(uri, FILE), "w") as file:
            file.write(json.dumps(content) + "\n")

    @classmethod
    def read(cls, uri: str) -> "Record":
        """Reads what :meth:`write` wrote.

        Raises:
          read_back.AbsentError: no server was tried there.
          errors.DataError: it is damaged.
        """
        path = os.path.join(uri, FILE)
        return read_back.json_file(path, "answers of a server on trial", _record)


class Asker:
    """Tries the model on a server that somebody else has started, for the step to come.

    Args:
      saved_model: what the server has loaded.
      files: shards of the test images' records.
      classes: how many the model tells apart.
      questions: what is asked.
    """

    def __init__(
        self,
        saved_model: Path,
        files: Sequence[str],
        classes: int,
        questions: gate_config.TrialQuestions,
    ) -> None:
        self._saved_model, self._questions = saved_model, questions
        self._images = images(files, questions.requests, classes)
        self.record: Record | None = None

    def __call__(self, address: server_stage.Address) -> None:
        """Asks, and keeps the answers; where there are none, InfraValidator finds out why."""
        if not self._images:
            return
        try:
            answers = ask(address, self._images, self._questions)
        except server_stage.ServerError as error:
            logging.warning("InfraValidator will start a server of its own: %s", error)
            return
        model = asking.digest(self._saved_model)
        self.record = Record(model, digest(self._images, self._questions), answers)


def digest(encoded: Sequence[bytes], questions: gate_config.TrialQuestions) -> str:
    """Returns the SHA-256 of all that is asked, in hex."""
    found = hashlib.sha256(f"{questions.requests}".encode())
    for content in (*encoded, NO_IMAGE):
        found.update(hashlib.sha256(content).digest())
    return found.hexdigest()


def _lists(stage: probe.Stage) -> dict[str, list[Any]]:
    # Of a broken model they may be no numbers, which Python's JSON has.
    return {"probabilities": stage.probabilities.tolist(), "valid": stage.valid.tolist()}


def _record(found: Any) -> Record:
    latencies_ms = [float(value) for value in found["latencies_ms"]]
    if not latencies_ms:
        raise read_back.BrokenError("it tells of no request")
    alone, mixed = _stage(found["alone"]), _stage(found["mixed"])
    answers = Answers(float(found["start_s"]), alone, mixed, latencies_ms)
    return Record(str(found["model"]), str(found["asked"]), answers)


def _stage(found: Any) -> probe.Stage:
    probabilities = np.array(found["probabilities"], np.float32)
    valid = np.array(found["valid"], bool)
    if probabilities.ndim != 2 or valid.shape != probabilities.shape[:1]:
        raise read_back.BrokenError("its probabilities are no rows, one of each image")
    return probe.Stage(server_stage.STAGE, probabilities, valid)
