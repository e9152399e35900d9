"""Parity of the served model with the trained one: the parity images through every stage.

The first stage is the training graph: the ``.keras`` file on the pixels that Preprocess makes.
All others must give the same answers: the SavedModel in a fresh process, in one batch and one by
one; its ``serve_examples``; and a running server. Dimension letters: N images, K classes.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.predict import exported_model
from components.preprocess import materialise
from components.release_gate.parity import parity_images, probe, server_stage, training_stage
from components.trainer import contract as trained_contract
from data import errors, fresh_process
from tasks import task
from tasks.facets import judging

TOLERANCE = 1e-4
MAX_NAMED = 8


@dataclass(frozen=True)
class Difference:
    """A difference between a stage and the training graph.

    Attributes:
      image: the parity image's name.
      stage: the stage's name.
      largest: the largest difference of a probability, in 0–1; infinite where one is not a number.
      valid: whether the training graph and this stage could read the image.
    """

    image: str
    stage: str
    largest: float
    valid: tuple[bool, bool]


@dataclass
class Parity:
    """The result of the parity check.

    Attributes:
      problems: the reasons not to push the model, one sentence each; none where all agree.
      left_out: the stages that did not run and why, one sentence each.
      differences: every image and stage that differ.
      largest: stage → its largest difference over all images, in 0–1.
      images: the number of parity images.
      measured: the model's costs; None where it did not answer.
    """

    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    images: int = 0
    measured: probe.Measured | None = None

    @property
    def ok(self) -> bool:
        """Returns true where every stage that ran agrees."""
        return not self.problems


def check(
    keras_file: Path,
    saved_model: Path,
    images: Sequence[parity_images.ParityImage],
    tolerance: float = TOLERANCE,
    spec: materialise.Spec | None = None,
    ask_server: bool = True,
    time_limit_s: float = probe.TIME_LIMIT_S,
    ask_also: Callable[[server_stage.Address], None] | None = None,
    meanwhile: Callable[[fresh_process.Worker], None] | None = None,
) -> Parity:
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
    found = Parity(images=len(images))
    encoded = [image.encoded for image in images]
    stages: list[probe.Stage] = []
    try:
        contract = trained_contract.read(saved_model)
        spec = spec or training_stage.spec_of(contract)
        found.problems += _contract_problems(contract, spec)
        compared = task.load(spec.task).compare
        known = [parity_images.stored(image, spec.reading) for image in images]
        with contextlib.ExitStack() as started:
            server = _server(found, saved_model, time_limit_s, started) if ask_server else None
            worker = fresh_process.Worker(probe.__name__)
            started.enter_context(contextlib.closing(worker))
            stages.append(training_stage.ask(keras_file, spec, contract, known))
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
    judge(found, images, stages, spec.task, {**contract, "labels": spec.labels}, tolerance)
    return found


def _server(
    found: Parity, saved_model: Path, time_limit_s: float, started: contextlib.ExitStack
) -> server_stage.Starting | None:
    """Starts a server; returns None and notes the reason in ``found`` where that is impossible."""
    reason = server_stage.missing()
    if reason:
        found.left_out.append(f"No running server was compared: {reason}.")
        return None
    return started.enter_context(server_stage.starting(saved_model, time_limit_s))


def _ask_server(
    found: Parity,
    stages: list[probe.Stage],
    server: server_stage.Starting,
    encoded: Sequence[bytes],
    compared: judging.Compare,
) -> server_stage.Address | None:
    """Adds a server's answers to ``stages``; where it fails, notes that and returns None."""
    try:
        address = server.address()
        stages.append(server_stage.ask(server, address, encoded, compared))
    except server_stage.ServerError as error:
        found.problems += error.problems
        return None
    return address


def judge(
    found: Parity,
    images: Sequence[parity_images.ParityImage],
    stages: Sequence[probe.Stage],
    task_name: str,
    contract: Mapping[str, Any],
    tolerance: float,
) -> None:
    """Adds the differences among stages to ``found``; the contract has the K expected labels."""
    first, labels = stages[0], contract["labels"]
    compared = task.load(task_name).compare
    width = first.values.shape[1]
    if width != compared.width(contract):
        found.problems.append(
            f"{_capital(first.name)} gives {width} {_words(compared)} for an image; with"
            f" {len(labels)} labels there must be {compared.width(contract)}."
        )
        return
    comparable = []
    for stage in stages[1:]:
        if stage.values.shape == first.values.shape:
            comparable.append(stage)
            found.largest[stage.name] = float(
                compared.distances(first.values, stage.values).max(initial=0.0)
            )
        else:
            found.problems.append(
                f"{_capital(stage.name)} returns {list(stage.values.shape)}"
                f" {_words(compared)}, {first.name} {list(first.values.shape)}."
            )
    found.differences += compare(images, [first, *comparable], tolerance, compared)
    for stage in comparable:
        own = [one for one in found.differences if one.stage == stage.name]
        found.problems += _sentences(own, len(images), first.name, tolerance)
        found.problems += _misnamed(images, stage, task_name, contract)


def compare(
    images: Sequence[parity_images.ParityImage],
    stages: Sequence[probe.Stage],
    tolerance: float,
    compared: judging.Compare,
) -> list[Difference]:
    """Compares every stage with the first, image by image; all have the same N and n."""
    first = stages[0]
    found = []
    for stage in stages[1:]:
        distances = compared.distances(first.values, stage.values)
        differs = (distances > tolerance) | (first.valid != stage.valid)
        for index in np.flatnonzero(differs):
            flags = (bool(first.valid[index]), bool(stage.valid[index]))
            name = images[index].name
            found.append(Difference(name, stage.name, float(distances[index]), flags))
    return found


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


def _sentences(
    differences: Sequence[Difference], count: int, first: str, tolerance: float
) -> list[str]:
    """Returns the problems of one stage as sentences."""
    sentences = []
    read_alike = [one for one in differences if one.valid[0] == one.valid[1]]
    if read_alike:
        worst = max(read_alike, key=lambda one: one.largest)
        others = _named([one.image for one in read_alike if one is not worst])
        also = f", and on {len(read_alike) - 1} more of {count}: {others}" if others else ""
        sentences.append(
            f"{_capital(worst.stage)} differs from {first} by {worst.largest:.2g} on"
            f" {worst.image!r} (at most {tolerance:g} is allowed){also}."
        )
    for trained, verb in ((True, "cannot read"), (False, "reads")):
        unlike = [one for one in differences if one.valid == (trained, not trained)]
        if unlike:
            names = _named([one.image for one in unlike])
            ability = "can" if trained else "cannot"
            sentences.append(
                f"{_capital(unlike[0].stage)} {verb} {names}, which {first} {ability}."
            )
    return sentences


def _misnamed(
    images: Sequence[parity_images.ParityImage],
    stage: probe.Stage,
    task_name: str,
    contract: Mapping[str, Any],
) -> list[str]:
    """Checks that a stage names what its own probabilities say."""
    if stage.labels is None:
        return []
    expected_names = task.load(task_name).compare.names(stage.values, stage.valid, contract)
    wrong = [
        (image.name, label, expected)
        for image, label, expected in zip(images, stage.labels, expected_names, strict=True)
        if label != expected
    ]
    if not wrong:
        return []
    name, label, expected = wrong[0]
    return [
        f"{_capital(stage.name)} returns the label {label!r} for {name!r}; by its own probabilities"
        f" it is {expected!r} ({len(wrong)} of {len(images)} images)."
    ]


def _named(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    shown = ", ".join(repr(name) for name in names[:MAX_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _words(compared: judging.Compare) -> str:
    return compared.output.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
