"""Tries a model on the server that will serve it: does it load, are its answers sound and soon?

Whether the answers are those of the trained model is the release gate's question. Dimension
letters: N images, K classes.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pydantic
import tensorflow as tf

from components.infra_validator import config as infra_config
from components.release_gate import golden, probe, server_stage
from components.trainer import contract as trained_contract
from data import errors, lookup, read_back

FILE = "trial.json"
NO_IMAGE = b"This is no image.\n"
# Of the golden images, small ones that take every way through the decoding.
WARM_UPS = ("JPEG, EXIF orientation 1", "PNG with alpha", "GIF", "BMP")
_MAX_SAID = 300  # characters
_TOLERANCE = 1e-3  # of a sum of probabilities


@dataclass(frozen=True)
class Trial:
    """What a trial came to.

    Attributes:
      ok: whether the model may be pushed.
      sentence: the reason.
      details: the last lines of the server that did not take the model.
      start_s: seconds until the server had loaded the model; None where it never had.
      p50_ms: the median time of a request of one image, in milliseconds; None as above.
      p99_ms: its 99th percentile.
    """

    ok: bool
    sentence: str
    details: str = ""
    start_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None

    def write(self, uri: str) -> None:
        """Writes ``trial.json`` into a folder."""
        with tf.io.gfile.GFile(os.path.join(uri, FILE), "w") as file:
            file.write(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, uri: str) -> "Trial":
        """Reads what :meth:`write` wrote.

        Raises:
          errors.DataError: it is damaged.
        """
        make = pydantic.TypeAdapter(cls).validate_python
        path = os.path.join(uri, FILE)
        return read_back.json_file(path, "outcome of the trial", make, read_back.STEP_AGAIN)


@dataclass(frozen=True)
class Answers:
    """What a server said.

    Attributes:
      alone: of N images, asked one by one.
      mixed: of an image, of what is no image, and of an image, asked together.
      latencies_ms: of single requests, in milliseconds.
    """

    alone: probe.Stage
    mixed: probe.Stage
    latencies_ms: Sequence[float]


def left_out(config: infra_config.InfraConfig) -> str | None:
    """Why no model is tried on a server here, in one sentence; None where it is."""
    if not config.enabled:
        return "No model is tried on a server before the push: infra.enabled is false."
    missing = server_stage.missing()
    return missing and f"No model is tried on a server before the push: {missing}."


def images(files: Sequence[str], count: int, classes: int) -> list[bytes]:
    """One encoded image of each class, of at most ``count`` classes.

    Args:
      files: shards of image records.
      count: of images at most.
      classes: how many there are.
    """
    return list(lookup.one_of_each_class(files, min(count, classes)).values())


def warm_ups() -> list[bytes]:
    """Encoded images for the first requests: made ones, so none of the owner's is pushed along."""
    return [image.encoded for image in golden.images({}) if image.name in WARM_UPS]


def labels(saved_model: Path) -> list[str]:
    """The classes of a SavedModel, from its contract.

    Raises:
      errors.PipelineError: it does not name them.
    """
    names: list[str] = trained_contract.read(saved_model)["labels"]
    if not names:
        raise errors.PipelineError(f"The contract of {saved_model} names no labels.")
    return names


def run(
    saved_model: Path, encoded: Sequence[bytes], classes: int, config: infra_config.InfraConfig
) -> Trial:
    """Starts the server on a model and asks it.

    Args:
      saved_model: the folder with ``saved_model.pb``.
      encoded: images that it must be able to read.
      classes: how many it tells apart.
      config: the limits.
    """
    missing = server_stage.missing()
    if missing:
        return Trial(False, f"The model was not tried on a server: {missing}.")
    if not encoded:
        return Trial(False, "The model was not tried on a server: there is no test image.")
    for _ in range(config.tries):
        began = time.monotonic()
        try:
            with server_stage.running(saved_model, config.start_limit_s) as address:
                start_s = time.monotonic() - began
                answers = _ask(address, encoded, config)
        except server_stage.ServerError as error:
            refused = _refused(str(error))
        else:
            return judge(answers, classes, start_s, config)
    return refused


def _refused(message: str) -> Trial:
    told, _, details = message.partition(" Its last lines:")
    last = details.strip().rpartition("\n")[2].strip()
    said = f" It said last: {last[:_MAX_SAID]}" if last else ""
    return Trial(False, f"The server did not take the model. {told}{said}", details)


def judge(
    answers: Answers, classes: int, start_s: float, config: infra_config.InfraConfig
) -> Trial:
    """Draws the conclusion from what a server said."""
    p50_ms, p99_ms = (float(np.percentile(answers.latencies_ms, rank)) for rank in (50, 99))
    timed = (
        f"{len(answers.latencies_ms)} requests of one image took {p50_ms:.1f} ms in the median"
        f" (at most {config.max_latency_ms:g} ms is allowed)"
    )
    problem = unsound(answers.alone, classes, [True] * len(answers.alone.valid))
    problem = problem or unsound(answers.mixed, classes, [True, False, True])
    if problem is None and p50_ms > config.max_latency_ms:
        problem = f"The server answers too slowly: {timed}."
    sentence = f"The server loaded the model in {start_s:.1f} s and answers soundly; {timed}."
    return Trial(
        problem is None, problem or sentence, start_s=start_s, p50_ms=p50_ms, p99_ms=p99_ms
    )


def unsound(stage: probe.Stage, classes: int, readable: Sequence[bool]) -> str | None:
    """What is wrong with an answer, whatever the right one may be; None: nothing.

    Args:
      stage: the answer, N rows.
      classes: K.
      readable: N flags: which images are images.
    """
    expected = (len(readable), classes)
    if stage.probabilities.shape != expected:
        return (
            f"The server answers probabilities of shape {list(stage.probabilities.shape)};"
            f" the model's contract says {list(expected)}."
        )
    if not np.isfinite(stage.probabilities).all():
        return "The server answers probabilities that are no numbers."
    wrong = np.flatnonzero(stage.valid != np.array(readable))
    if wrong.size:
        verb = "cannot read" if readable[wrong[0]] else "claims to read what is not"
        return f"The server {verb} an image ({wrong.size} of {len(readable)} asked)."
    sums = stage.probabilities.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - np.array(readable)) > _TOLERANCE
    if off.any() or stage.probabilities.min() < 0:
        shown = sums[off][0] if off.any() else stage.probabilities.min()
        return (
            "The server's probabilities are none: each must be 0 or more, and those of an image"
            f" add up to 1, of what is none to 0; one came to {shown:g}."
        )
    return None


def _ask(
    address: server_stage.Address, encoded: Sequence[bytes], config: infra_config.InfraConfig
) -> Answers:
    # It is an extra: what does not serve does without it.
    import tritonclient.http
    import tritonclient.utils

    limit_s = config.request_limit_s
    client = tritonclient.http.InferenceServerClient(
        address.http, connection_timeout=limit_s, network_timeout=limit_s
    )
    try:
        server_stage.await_ready(client, address.model, config.start_limit_s)
        metadata = client.get_model_metadata(address.model)
        rank = len(metadata["inputs"][0]["shape"])
        offered = {output["name"] for output in metadata["outputs"]}
        absent = sorted({"probabilities", "valid"} - offered)
        if absent:
            raise server_stage.ServerError(f"The server's answer lacks {' and '.join(absent)}.")

        def ask(values: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            names = {"probabilities", "valid"}
            found = server_stage.infer(client, address.model, values, rank, names)
            return found["probabilities"], found["valid"].astype(bool)

        rows, latencies_ms = [], []
        for index in range(max(config.requests, len(encoded))):
            start = time.perf_counter()
            rows.append(ask([encoded[index % len(encoded)]]))
            latencies_ms.append(1000 * (time.perf_counter() - start))
        probabilities, valid = (np.concatenate(part) for part in zip(*rows, strict=True))
        mixed = ask([encoded[0], NO_IMAGE, encoded[-1]])
    except TimeoutError as error:
        raise server_stage.ServerError(
            f"The server has not answered a request within {limit_s:g} s."
        ) from error
    except (tritonclient.utils.InferenceServerException, OSError) as error:
        raise server_stage.ServerError(f"The server answered with an error: {error}.") from error
    finally:
        client.close()
    stage = server_stage.STAGE
    return Answers(
        probe.Stage(stage, probabilities, valid), probe.Stage(stage, *mixed), latencies_ms
    )
