"""Runs a SavedModel in a fresh process, as a server would, and measures it there.

The fresh process has TensorFlow and nothing of the trainer: the SavedModel must contain all that
it needs. Dimension letters: N images, K classes.
"""

import functools
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from data import errors, fresh_process
from data.files import read_arrays, read_back
from tasks.facets import judging

DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE = "serving_default", "serve_examples"
BATCH = "the exported SavedModel"
ALONE = "the exported SavedModel image by image"
EXAMPLES = f"the signature {EXAMPLES_SIGNATURE}"
# Besides those that the task compares, see ``judging.Compare``.
VALID = "valid"
TIME_LIMIT_S = 900.0
LATENCY_REQUESTS = 100
LATENCY_LIMIT_S = 30.0
_MIB = 2**20
Answer = TypeVar("Answer")


class ProbeError(errors.PipelineError):
    """A SavedModel does not load, lacks a signature, fails or takes too long."""


@dataclass(frozen=True)
class Stage:
    """Answers of one stage about the parity images.

    Attributes:
      name: the stage's name, as in the middle of a sentence.
      values: [N, n], what the task compares, such as probabilities.
      valid: bool [N], whether it could read the image.
      labels: N texts that name what it found, empty where not valid; None where the stage has no
        such output.
    """

    name: str
    values: np.ndarray
    valid: np.ndarray
    labels: list[str] | None = None


@dataclass(frozen=True)
class Measured:
    """Measured costs of a model.

    Attributes:
      model_mib: the size of the SavedModel's files, in MiB.
      load_s: the time to load the model up to its signatures, in seconds.
      p50_ms: the median time of a request of one image, in milliseconds.
      p99_ms: its 99th percentile.
      memory_mib: the process's peak resident memory in MiB, TensorFlow itself included, after
        single requests and one of all parity images at once.
      requests: the number of timed requests.
    """

    model_mib: float
    load_s: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    requests: int


def ask(
    saved_model: Path,
    images: Sequence[bytes],
    examples: Sequence[bytes],
    compare: judging.Compare,
    time_limit_s: float = TIME_LIMIT_S,
    worker: fresh_process.Worker | None = None,
) -> list[Stage]:
    """Runs a SavedModel on images in a fresh process.

    Args:
      saved_model: the folder with saved_model.pb.
      images: N encoded images.
      examples: the same images as N serialized tf.Examples.
      compare: names the outputs that are compared.
      time_limit_s: the time limit in seconds.
      worker: the process; by default one of its own.

    Returns:
      The stages: one batch, one by one, ``serve_examples``.

    Raises:
      ProbeError: the process gave no answer.
    """
    packed = _packed("images", images) | _packed("examples", examples)
    packed["outputs"] = np.array([compare.output, compare.name_output])
    return _called("ask", saved_model, packed, _unpacked_stages, time_limit_s, worker)


def measure(
    saved_model: Path,
    images: Sequence[bytes],
    worker: fresh_process.Worker,
    time_limit_s: float = TIME_LIMIT_S,
) -> Measured:
    """Measures a model's costs in the process that has answered with it.

    Args:
      saved_model: as for :func:`ask`.
      images: the images of the timed requests; the model has answered all of them before.
      worker: as for :func:`ask`; nothing else may have run in it, since its peak memory counts.
      time_limit_s: the time limit in seconds.

    Raises:
      ProbeError: the process gave no answer.
    """
    packed = _packed("images", images)
    return _called("measure", saved_model, packed, _unpacked_measured, time_limit_s, worker)


def _called(
    what: str,
    saved_model: Path,
    packed: dict[str, np.ndarray],
    unpack: Callable[[Any], Answer],
    time_limit_s: float,
    worker: fresh_process.Worker | None,
) -> Answer:
    with tempfile.TemporaryDirectory() as scratch:
        request, answer = Path(scratch) / "request.npz", Path(scratch) / "answer.npz"
        np.savez(request, model_dir=np.array(str(saved_model)), **packed)
        try:
            fresh_process.call(__name__, [what, str(request), str(answer)], time_limit_s, worker)
        except fresh_process.ProcessError as error:
            raise ProbeError(
                f"The SavedModel {saved_model} cannot run in a fresh process: {error}"
            ) from error
        try:
            return read_arrays.arrays(answer, "answer of the model's process", unpack)
        except read_back.ReadError as error:
            raise ProbeError(str(error)) from error


def _packed(name: str, values: Sequence[bytes]) -> dict[str, np.ndarray]:
    # NumPy's own bytes drop zeros at the end.
    lengths = np.array([len(value) for value in values], np.int64)
    return {name: np.frombuffer(b"".join(values), np.uint8), f"{name}_lengths": lengths}


def _unpacked(stored: Any, name: str) -> list[bytes]:
    content, ends = stored[name].tobytes(), stored[f"{name}_lengths"].cumsum()
    return [content[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _unpacked_stages(stored: Any) -> list[Stage]:
    return [
        Stage(
            name,
            stored[f"{name}/values"],
            stored[f"{name}/valid"],
            [label.decode() for label in _unpacked(stored, f"{name}/labels")],
        )
        for name in (BATCH, ALONE, EXAMPLES)
    ]


def _unpacked_measured(stored: Any) -> Measured:
    return Measured(**{name: stored[name].item() for name in Measured.__dataclass_fields__})


def _unpacked_request(stored: Any) -> tuple[Path, list[Any]]:
    arguments: list[Any] = [
        _unpacked(stored, name) for name in ("images", "examples") if name in stored
    ]
    if "outputs" in stored:
        arguments.append(tuple(stored["outputs"].tolist()))
    return Path(str(stored["model_dir"])), arguments


def main(what: str, request_path: str, answer_path: str) -> None:
    """Runs in the fresh process; ``what`` is ``ask`` or ``measure``."""
    saved_model, arguments = read_arrays.arrays(
        request_path, "request to the model's process", _unpacked_request
    )
    does = _answers if what == "ask" else _costs
    np.savez(answer_path, **does(saved_model, *arguments))


@functools.cache
def _loaded(saved_model: Path) -> tuple[Any, float]:
    """Loads a model; returns it and the time that it took, in seconds."""
    start = time.perf_counter()
    model = tf.saved_model.load(str(saved_model))
    return model, time.perf_counter() - start


def _answers(
    saved_model: Path, images: list[bytes], examples: list[bytes], outputs: tuple[str, str]
) -> dict[str, np.ndarray]:
    model, _ = _loaded(saved_model)
    values, named = outputs
    names = (values, VALID, named)
    default = _signature(model, DEFAULT_SIGNATURE, names)
    by_example = _signature(model, EXAMPLES_SIGNATURE, names)
    # On a GPU, the rounding of TensorFloat-32 would depend on the batch's size.
    short = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    # The first request of a signature takes seconds, on one processor.
    with futures.ThreadPoolExecutor(1) as beside:
        asked = beside.submit(_ask, by_example, examples, names)
        alone = _joined([_ask(default, [image], names) for image in images])
        batch, from_examples = _ask(default, images, names), asked.result()
    tf.config.experimental.enable_tensor_float_32_execution(short)
    arrays: dict[str, np.ndarray] = {}
    for name, found in ((BATCH, batch), (ALONE, alone), (EXAMPLES, from_examples)):
        arrays[f"{name}/values"] = found[values].reshape(len(images), -1)
        arrays[f"{name}/{VALID}"] = found[VALID]
        arrays |= _packed(f"{name}/labels", found[named].tolist())
    return arrays


def _costs(saved_model: Path, images: list[bytes]) -> dict[str, Any]:
    model, load_s = _loaded(saved_model)
    latencies = _latencies_ms(_signature(model, DEFAULT_SIGNATURE, ()), images)
    measured = Measured(
        model_mib=sum(path.stat().st_size for path in _files(saved_model)) / _MIB,
        load_s=load_s,
        p50_ms=float(np.percentile(latencies, 50)),
        p99_ms=float(np.percentile(latencies, 99)),
        memory_mib=_peak_memory_mib(),
        requests=len(latencies),
    )
    return asdict(measured)


def _signature(model: Any, name: str, outputs: Sequence[str]) -> Any:
    if name not in model.signatures:
        sys.exit(f"It has no signature {name!r}; it has {sorted(model.signatures)}.")
    signature = model.signatures[name]
    missing = set(outputs) - set(signature.structured_outputs)
    if missing:
        sys.exit(f"Its signature {name!r} has no output {sorted(missing)}.")
    return signature


def _ask(
    signature: Any, values: Sequence[bytes], names: Sequence[str] = (VALID,)
) -> dict[str, np.ndarray]:
    (key,) = signature.structured_input_signature[1]
    answer = signature(**{key: tf.constant(list(values), tf.string)})
    return {name: answer[name].numpy() for name in names}


def _joined(answers: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _latencies_ms(signature: Any, images: list[bytes]) -> list[float]:
    """Times single requests, the images in turn."""
    latencies: list[float] = []
    began = time.perf_counter()
    while images and len(latencies) < LATENCY_REQUESTS:
        start = time.perf_counter()
        if latencies and start - began > LATENCY_LIMIT_S:
            break
        _ask(signature, [images[len(latencies) % len(images)]])
        latencies.append(1000 * (time.perf_counter() - start))
    return latencies or [float("nan")]


def _files(folder: Path) -> list[Path]:
    # The exports for other runtimes in assets.extra are not loaded.
    extra = folder / "assets.extra"
    return [path for path in folder.rglob("*") if path.is_file() and extra not in path.parents]


def _peak_memory_mib() -> float:
    """Returns the peak resident memory of this process."""
    # On Linux a new process inherits the getrusage peak of the one that started it.
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB  # macOS counts bytes
