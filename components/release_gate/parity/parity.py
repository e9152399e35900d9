"""Parity of the served model with the trained one: the parity images through every stage.

The first stage is the training graph: the ``.keras`` file on the pixels that Preprocess makes.
All others must give the same answers: the SavedModel in a fresh process, in one batch and one by
one; its ``serve_examples``; and a running server. Dimension letters: N images, K classes.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np

from components.predict import exported_model
from components.preprocess import materialise
from components.release_gate.parity import (
    differences,
    parity_images,
    probe,
    server_process,
    server_stage,
    training_stage,
)
from components.trainer import contract as trained_contract
from components.trainer.exports import network as network_file
from data import errors, fresh_process
from tasks import task
from tasks.facets import judging

TOLERANCE = 1e-4


def check(
    keras_file: Path,
    saved_model: Path,
    images: Sequence[parity_images.ParityImage],
    tolerance: float = TOLERANCE,
    spec: materialise.Spec | None = None,
    ask_server: bool = True,
    time_limit_s: float = probe.TIME_LIMIT_S,
    ask_also: Callable[[server_process.Address], None] | None = None,
    meanwhile: Callable[[fresh_process.Worker], None] | None = None,
) -> differences.Parity:
    """Runs the parity images through every stage and compares the answers.

    Args:
      keras_file: the classifier, pixels → logits.
      saved_model: the folder with saved_model.pb.
      images: N of them.
      tolerance: the largest allowed difference of a probability.
      spec: the specification of the training pixels; by default that of the SavedModel's contract,
        with which an error that contract and graph share is not found.
      ask_server: whether to start a server as a further stage.
      time_limit_s: the limit of each process that is started.
      ask_also: sends further requests to that server.
      meanwhile: uses the process that has answered for the SavedModel, before it ends.
    """
    found = differences.Parity(images=len(images))
    encoded = [image.encoded for image in images]
    stages: list[probe.Stage] = []
    try:
        contract = trained_contract.read(saved_model)
        spec = spec or training_stage.spec_of(contract)
        found.problems += _contract_problems(contract, spec)
        compared = task.load(spec.task).compare
        known = [parity_images.stored(image, spec.reading) for image in images]
        with contextlib.ExitStack() as started:
            server = (
                _server(found, saved_model, time_limit_s, started, contract) if ask_server else None
            )
            worker = fresh_process.Worker(probe.__name__)
            started.enter_context(contextlib.closing(worker))
            stages.append(training_stage.ask(keras_file, spec, contract, known, saved_model))
            with futures.ThreadPoolExecutor(1) as beside:
                asked = beside.submit(
                    probe.ask,
                    saved_model,
                    encoded,
                    [exported_model.record(content) for content in encoded],
                    compared,
                    time_limit_s,
                    worker,
                )
                address = server and _ask_server(found, stages, server, encoded, compared)
                answers = asked.result()
            stages[1:1] = answers
            # Not earlier: other work at the same time would slow the requests down.
            chosen = np.array([image.sample for image in images])
            chosen = chosen if chosen.any() else answers[0].valid
            timed = [encoded[index] for index in np.flatnonzero(chosen)]
            found.measured = probe.measure(saved_model, timed, worker, time_limit_s)
            if meanwhile is not None:
                meanwhile(worker)
            if address and ask_also is not None:
                ask_also(address)
    except errors.PipelineError as error:
        found.problems += error.problems
        return found
    differences.judge(
        found, images, stages, spec.task, {**contract, "labels": spec.labels}, tolerance
    )
    return found


def _server(
    found: differences.Parity,
    saved_model: Path,
    time_limit_s: float,
    started: contextlib.ExitStack,
    contract: Mapping[str, Any],
) -> server_process.Starting | None:
    """Starts a server; returns None and notes the reason in ``found`` where that is impossible.

    A model with a network for ONNX Runtime is served by that, and does not load where it differs: TensorFlow
    has answered in the stages before.
    """
    reason = server_process.missing()
    if reason:
        found.left_out.append(f"No running server was compared: {reason}.")
        return None
    command: Sequence[str] = server_process.COMMAND
    if network_file.is_present(contract):
        command = (*command, "--runtime", "onnxruntime")
    return started.enter_context(server_process.starting(saved_model, time_limit_s, command))


def _ask_server(
    found: differences.Parity,
    stages: list[probe.Stage],
    server: server_process.Starting,
    encoded: Sequence[bytes],
    compared: judging.Compare,
) -> server_process.Address | None:
    """Adds a server's answers to ``stages``; where it fails, notes that and returns None."""
    try:
        address = server.address()
        stages.append(server_stage.ask(server, address, encoded, compared))
    except server_process.ServerError as error:
        found.problems += error.problems
        return None
    return address


def _contract_problems(contract: dict[str, Any], spec: materialise.Spec) -> list[str]:
    expected = {
        "task": spec.task,
        "labels": spec.labels,
        "image_size_px": spec.size_px,
        "resize": spec.resize,
        **spec.reading.to_dict(),
    }
    return [
        f"The model's contract.json states {name} {contract.get(name)!r}; it was trained with"
        f" {value!r}."
        for name, value in expected.items()
        if contract.get(name) != value
    ]
