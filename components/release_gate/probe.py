"""Asks a SavedModel in a fresh process, as a server would, and measures it there.

The fresh process has TensorFlow and nothing of the trainer: what the SavedModel needs, it must
bring with it. Dimension letters: N images, K classes.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data import errors, fresh_process, read_arrays, read_back

DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE = "serving_default", "serve_examples"
BATCH = "the exported SavedModel"
ALONE = "the exported SavedModel asked image by image"
EXAMPLES = f"the signature {EXAMPLES_SIGNATURE}"
OUTPUTS = ("probabilities", "label", "valid")
TIME_LIMIT_S = 900.0
LATENCY_REQUESTS = 100
LATENCY_LIMIT_S = 30.0
_MIB = 2**20


class ProbeError(errors.PipelineError):
    """A SavedModel does not load, lacks a signature, fails or takes too long."""


@dataclass(frozen=True)
class Stage:
    """What one way to ask the model says of the golden images.

    Attributes:
      name: of the way, in the middle of a sentence.
      probabilities: float32 [N, K] in 0–1.
      valid: bool [N], whether it could read the image.
      labels: N names of the most probable class, empty where not valid; None where the way has
        no such output.
    """

    name: str
    probabilities: np.ndarray
    valid: np.ndarray
    labels: list[str] | None = None


@dataclass(frozen=True)
class Measured:
    """What a model costs where it runs.

    Attributes:
      model_mib: the SavedModel's files, in MiB.
      load_s: from the disk to its signatures, in seconds.
      p50_ms: median time of a request of one image, in milliseconds.
      p99_ms: its 99th percentile.
      memory_mib: the process's peak resident memory in MiB, TensorFlow itself included, after
        single requests and one of all golden images at once.
      requests: how many requests were timed.
    """

    model_mib: float
    load_s: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    requests: int


def run(
    saved_model: Path,
    images: Sequence[bytes],
    examples: Sequence[bytes],
    timed: Sequence[bool],
    time_limit_s: float = TIME_LIMIT_S,
    worker: fresh_process.Worker | None = None,
) -> tuple[list[Stage], Measured]:
    """Asks in a fresh process.

    Args:
      saved_model: the folder with saved_model.pb.
      images: N encoded images.
      examples: the same as N serialized tf.Examples.
      timed: N flags: whose single requests are timed; where there are none, all valid ones.
      time_limit_s: in seconds.
      worker: a process in which nothing has run yet, for the peak of its memory is measured;
        by default one of its own.

    Returns:
      The stages (one batch, one by one, ``serve_examples``) and what was measured.

    Raises:
      ProbeError: no answer came.
    """
    with tempfile.TemporaryDirectory() as scratch:
        request, answer = Path(scratch) / "request.npz", Path(scratch) / "answer.npz"
        np.savez(
            request,
            model_dir=str(saved_model),
            timed=np.array(timed, bool),
            **_packed("images", images),
            **_packed("examples", examples),
        )
        try:
            fresh_process.call(__name__, [str(request), str(answer)], time_limit_s, worker)
        except fresh_process.ProcessError as error:
            raise ProbeError(
                f"The SavedModel {saved_model} cannot be asked in a fresh process: {error}"
            ) from error
        try:
            return read_arrays.arrays(answer, "answer of the model's process", _unpacked_answer)
        except read_back.ReadError as error:
            raise ProbeError(str(error)) from error


def _packed(name: str, values: Sequence[bytes]) -> dict[str, np.ndarray]:
    # NumPy's own bytes drop zeros at the end.
    lengths = np.array([len(value) for value in values], np.int64)
    return {name: np.frombuffer(b"".join(values), np.uint8), f"{name}_lengths": lengths}


def _unpacked(stored: Any, name: str) -> list[bytes]:
    content, ends = stored[name].tobytes(), stored[f"{name}_lengths"].cumsum()
    return [content[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _unpacked_answer(stored: Any) -> tuple[list[Stage], Measured]:
    stages = [
        Stage(
            name,
            stored[f"{name}/probabilities"],
            stored[f"{name}/valid"],
            [label.decode() for label in _unpacked(stored, f"{name}/label")],
        )
        for name in (BATCH, ALONE, EXAMPLES)
    ]
    fields = {name: stored[name].item() for name in Measured.__dataclass_fields__}
    return stages, Measured(**fields)


def _unpacked_request(stored: Any) -> tuple[Path, np.ndarray, list[bytes], list[bytes]]:
    model_dir = Path(str(stored["model_dir"]))
    return model_dir, stored["timed"], _unpacked(stored, "images"), _unpacked(stored, "examples")


def main(request_path: str, answer_path: str) -> None:
    """What the fresh process does."""
    model_dir, timed, images, examples = read_arrays.arrays(
        request_path, "request to the model's process", _unpacked_request
    )
    start = time.perf_counter()
    model = tf.saved_model.load(str(model_dir))
    load_s = time.perf_counter() - start
    default = _signature(model, DEFAULT_SIGNATURE)
    by_example = _signature(model, EXAMPLES_SIGNATURE)
    # On a GPU, TensorFloat-32 would round as the batch's size chooses the kernel.
    short = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    alone = _joined([_ask(default, [image]) for image in images])
    batch, from_examples = _ask(default, images), _ask(by_example, examples)
    tf.config.experimental.enable_tensor_float_32_execution(short)
    chosen = timed if timed.any() else alone["valid"]
    latencies = _latencies_ms(default, [images[index] for index in np.flatnonzero(chosen)])
    measured = Measured(
        model_mib=sum(path.stat().st_size for path in _files(model_dir)) / _MIB,
        load_s=load_s,
        p50_ms=float(np.percentile(latencies, 50)),
        p99_ms=float(np.percentile(latencies, 99)),
        memory_mib=_peak_memory_mib(),
        requests=len(latencies),
    )
    arrays = asdict(measured)
    for name, outputs in ((BATCH, batch), (ALONE, alone), (EXAMPLES, from_examples)):
        arrays |= {f"{name}/{output}": outputs[output] for output in ("probabilities", "valid")}
        arrays |= _packed(f"{name}/label", outputs["label"].tolist())
    np.savez(answer_path, **arrays)


def _signature(model: Any, name: str) -> Any:
    if name not in model.signatures:
        sys.exit(f"It has no signature {name!r}; it has {sorted(model.signatures)}.")
    signature = model.signatures[name]
    missing = set(OUTPUTS) - set(signature.structured_outputs)
    if missing:
        sys.exit(f"Its signature {name!r} has no output {sorted(missing)}.")
    return signature


def _ask(signature: Any, values: Sequence[bytes]) -> dict[str, np.ndarray]:
    (key,) = signature.structured_input_signature[1]
    answer = signature(**{key: tf.constant(list(values), tf.string)})
    return {name: answer[name].numpy() for name in OUTPUTS}


def _joined(answers: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([answer[name] for answer in answers]) for name in OUTPUTS}


def _latencies_ms(signature: Any, images: list[bytes]) -> list[float]:
    """Times single requests, in turns; all images were asked before, so nothing is new."""
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
    # What lies in assets.extra is not loaded: the exports for other runtimes.
    extra = folder / "assets.extra"
    return [path for path in folder.rglob("*") if path.is_file() and extra not in path.parents]


def _peak_memory_mib() -> float:
    """Peak resident memory of this process."""
    # On Linux a new process takes over the getrusage peak of the one that started it.
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB  # macOS counts bytes
