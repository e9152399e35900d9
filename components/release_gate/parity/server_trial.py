"""The requests of a model's trial on a running server, and its answers as a file.

The step that runs a server sends them: the release gate after its own requests, InfraValidator
where the gate started none. InfraValidator checks the answers. Dimension letters: N images,
K classes.
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

from components.predict import exported_model
from components.preprocess import materialise
from components.release_gate import config as gate_config
from components.release_gate.parity import probe, server_process, server_stage
from data.examples import lookup
from data.files import read_back
from tasks import task
from tasks.facets import judging

FILE = "server_trial.json"
NO_IMAGE = b"This is no image.\n"


@dataclass(frozen=True)
class Answers:
    """A server's answers.

    Attributes:
      start_s: seconds until it had loaded the model.
      alone: answers about N images, requested one by one.
      mixed: answers about an image, something that is not an image, and an image, in one request.
      latencies_ms: times of single requests, in milliseconds.
    """

    start_s: float
    alone: probe.Stage
    mixed: probe.Stage
    latencies_ms: Sequence[float]


def images(files: Sequence[str], count: int, classes: int) -> list[bytes]:
    """Returns one encoded image of each class, of at most ``count`` classes; without any, the first ones.

    Args:
      files: shards of image records.
      count: the maximum number of images.
      classes: the number of classes.
    """
    found = list(lookup.one_of_each_class(files, min(count, classes)).values())
    return found or lookup.first(files, count)


def ask(
    address: server_process.Address,
    encoded: Sequence[bytes],
    questions: gate_config.TrialQuestions,
    compare: judging.Compare,
) -> Answers:
    """Sends the requests of a trial to a running server.

    Args:
      address: the server's address.
      encoded: images that it must be able to read, at least one.
      questions: the number of requests and their time limit.
      compare: names the output that is compared.

    Raises:
      server_process.ServerError: it gives no answer in time, an error, or answers something else.
    """
    with server_stage.asked(address, questions.request_limit_s) as (client, rank, offered):
        wanted = {compare.output, probe.VALID}
        absent = sorted(wanted - offered)
        if absent:
            raise server_process.ServerError(f"The server's answer lacks {' and '.join(absent)}.")

        def answer(values: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            found = server_stage.infer(client, address.model, values, rank, wanted)
            answers = found[compare.output].reshape(len(values), -1)
            return answers, found[probe.VALID].astype(bool)

        rows, latencies_ms = [], []
        for index in range(max(questions.requests, len(encoded))):
            start = time.perf_counter()
            rows.append(answer([encoded[index % len(encoded)]]))
            latencies_ms.append(1000 * (time.perf_counter() - start))
        mixed = answer([encoded[0], NO_IMAGE, encoded[-1]])
    values, valid = (np.concatenate(part) for part in zip(*rows, strict=True))
    stage = server_stage.STAGE
    return Answers(
        address.start_s,
        probe.Stage(stage, values, valid),
        probe.Stage(stage, *mixed),
        latencies_ms,
    )


@dataclass(frozen=True)
class Record:
    """Answers with the model and the requests that they belong to.

    Attributes:
      model: the digest of the SavedModel's files.
      asked: the digest of the requests.
      answers: the server's answers.
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
          errors.DataError: the file is damaged.
        """
        path = os.path.join(uri, FILE)
        return read_back.json_file(path, "answers of a server on trial", _record)


class Asker:
    """Runs InfraValidator's trial on a server that the release gate has started.

    Args:
      saved_model: the model that the server has loaded.
      files: shards of the test images' records.
      spec: the model's labels and task.
      questions: the requests' settings.
    """

    def __init__(
        self,
        saved_model: Path,
        files: Sequence[str],
        spec: materialise.Spec,
        questions: gate_config.TrialQuestions,
    ) -> None:
        self._saved_model, self._questions = saved_model, questions
        self._images = images(files, questions.requests, len(spec.labels))
        self._compare = task.load(spec.task).compare
        self.record: Record | None = None

    def __call__(self, address: server_process.Address) -> None:
        """Sends the requests and keeps the answers; after an error, InfraValidator tries again."""
        if not self._images:
            return
        try:
            answers = ask(address, self._images, self._questions, self._compare)
        except server_process.ServerError as error:
            logging.warning("InfraValidator will start a server of its own: %s", error)
            return
        model = exported_model.digest(self._saved_model)
        self.record = Record(model, digest(self._images, self._questions), answers)


def digest(encoded: Sequence[bytes], questions: gate_config.TrialQuestions) -> str:
    """Returns the SHA-256 of the requests, in hex."""
    found = hashlib.sha256(f"{questions.requests}".encode())
    for content in (*encoded, NO_IMAGE):
        found.update(hashlib.sha256(content).digest())
    return found.hexdigest()


def _lists(stage: probe.Stage) -> dict[str, list[Any]]:
    # A broken model may return NaN or infinity, which Python's JSON can store.
    return {"values": stage.values.tolist(), "valid": stage.valid.tolist()}


def _record(found: Any) -> Record:
    latencies_ms = [float(value) for value in found["latencies_ms"]]
    if not latencies_ms:
        raise read_back.BrokenError("it contains no request")
    alone, mixed = _stage(found["alone"]), _stage(found["mixed"])
    answers = Answers(float(found["start_s"]), alone, mixed, latencies_ms)
    return Record(str(found["model"]), str(found["asked"]), answers)


def _stage(found: Any) -> probe.Stage:
    values = np.array(found["values"], np.float32)
    valid = np.array(found["valid"], bool)
    if values.ndim != 2 or valid.shape != values.shape[:1]:
        raise read_back.BrokenError("its values do not have one row for each image")
    return probe.Stage(server_stage.STAGE, values, valid)
