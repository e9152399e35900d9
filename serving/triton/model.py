"""A Triton backend that runs any SavedModel, whole batches at a time.

Triton starts this file in a process of its own, for each version and worker. It knows nothing
of the project, only the SavedModel and the parameters of the configuration. The request
parameter ``signature`` chooses what is run, ``serving_default`` where it is absent; ``contract``
is answered from the assets. With ``encoding`` "base64" byte strings are base64 text, for clients
that can only send JSON.

For an unreadable image the graph answers valid = false. If the graph raises nevertheless, the
requests are run one by one, so that one cannot fail the others of its batch. A batch of more pixels
than one image may have runs in parts, because a graph decodes as many images at once as it has
threads. The network of ``serving_default`` may run in another runtime, see runtime_choice.py.
"""

import base64
import contextlib
import ctypes
import gc
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

gc.disable()  # until a version is loaded: a quarter of the time that importing TensorFlow takes

import failures  # noqa: E402 - lies beside this file, as do image_size and runtime_choice
import image_size  # noqa: E402
import numpy as np  # noqa: E402
import runtime_choice  # noqa: E402
import tensorflow as tf  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402

DEFAULT_SIGNATURE = "serving_default"
CONTRACT = "contract"
_MESSAGE_LENGTH = 500
_RUNTIME_METRIC = "image_serving_network_runtime"
# The head of a PNG of 2^31 − 1 pixels a side: the graph refuses it as too large by its own code.
_TOO_LARGE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + 2 * b"\x7f\xff\xff\xff" + b"\x08\x02\0\0\0"

# A request: its index among the requests, the signature, its inputs, each [B, …], and the pixels of
# its images, int64 [B].
_Asked = tuple[int, str, dict[str, np.ndarray], np.ndarray]
_Answers = list[tuple[int, dict[str, np.ndarray] | Exception]]


class TritonPythonModel:
    """The class that Triton calls; its name and methods are Triton's."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the version that Triton names."""
        parameters = json.loads(args["model_config"])["parameters"]
        self.max_pixels = int(parameters["max_pixels"]["string_value"])
        self.max_request_bytes = int(parameters["max_request_bytes"]["string_value"])
        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)
        directory = os.path.join(args["model_repository"], args["model_version"])
        self.loaded = tf.saved_model.load(directory)
        signatures = dict(self.loaded.signatures)
        inputs = _inputs(signatures[DEFAULT_SIGNATURE])
        self.signatures = {
            name: signature
            for name, signature in signatures.items()
            if _inputs(signature) == inputs
        }
        path = os.path.join(directory, "assets", "contract.json")
        self.contract = b"{}"
        if os.path.exists(path):
            with open(path, "rb") as file:
                self.contract = file.read()
        self._choose_runtime(args, parameters, directory)
        gc.freeze()  # else a request waits, now and then, until the collector has been through all of TensorFlow
        gc.enable()
        _return_memory()

    def _choose_runtime(
        self, args: dict[str, str], parameters: dict[str, Any], directory: str
    ) -> None:
        """Chooses what runs the network; says it in Triton's log, in a metric and in a file."""
        wanted, workers, report = (
            parameters[name]["string_value"] for name in ("runtime", "workers", "runtime_report")
        )
        try:
            contract = json.loads(self.contract)
        except (ValueError, RecursionError):
            contract = {}
        choice, self.network = runtime_choice.choose(
            wanted, self.loaded, directory, contract, int(workers)
        )
        say = pb_utils.Logger.log_error if choice.is_failure else pb_utils.Logger.log_info
        say(f"version {args['model_version']}: {json.dumps(asdict(choice))}")
        self.runtimes = pb_utils.MetricFamily(
            name=_RUNTIME_METRIC,
            description="1 for what runs the network of a version",
            kind=pb_utils.MetricFamily.GAUGE,
        )
        labels = {
            "model": args["model_name"],
            "version": args["model_version"],
            "runtime": choice.runtime,
            "threads": str(choice.threads),
        }
        self.runtime = self.runtimes.Metric(labels=labels)
        self.runtime.set(1)
        choice.write(report, args["model_instance_name"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Runs a batch of requests and returns a response for each."""
        responses: list[Any] = [None] * len(requests)
        groups: dict[str, list[_Asked]] = {}
        for index, request in enumerate(requests):
            try:
                signature, inputs, pixels = self._understand(request)
            except ValueError as error:
                responses[index] = _refusal(str(error))
                continue
            except Exception as error:  # unforeseen: it must not fail the other requests
                responses[index] = _refusal(f"the request cannot be understood ({error!r})")
                continue
            if signature == CONTRACT:
                outputs = {CONTRACT: np.full(_items(inputs), self.contract, object)}
                responses[index] = _response(requests[index], outputs)
            else:
                groups.setdefault(signature, []).append((index, signature, inputs, pixels))
        for group in groups.values():
            for index, answer in self._answer(group):
                if isinstance(answer, Exception):
                    responses[index] = _failure(answer)
                else:
                    responses[index] = _response(requests[index], answer)
        return responses

    def _understand(self, request: Any) -> tuple[str, dict[str, np.ndarray], np.ndarray]:
        """Returns a request's signature, its inputs, each [B, …], and their pixels [B].

        Raises:
          ValueError: no such signature, or too many bytes.
        """
        inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        parameters = json.loads(request.parameters() or "{}")
        signature = parameters.get("signature", DEFAULT_SIGNATURE)
        if signature == CONTRACT:
            return CONTRACT, inputs, np.zeros(_items(inputs), np.int64)
        if signature not in self.signatures:
            known = ", ".join([*sorted(self.signatures), CONTRACT])
            raise ValueError(f"{failures.NO_SIGNATURE}{signature!r}; there are {known}")
        pixels = np.zeros(_items(inputs), np.int64)
        for name, values in inputs.items():
            if values.dtype == object:
                if parameters.get("encoding") == "base64":
                    values = _from_base64(values)
                inputs[name], counts = self._within_limits(values)
                pixels += counts.reshape(len(values), -1).sum(axis=1)
        return signature, inputs, pixels

    def _within_limits(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns byte strings and the pixels of each; replaces too large images by a bare header.

        Raises:
          ValueError: they have too many bytes in total.
        """
        total = sum(len(value) for value in values.flat)
        if total > self.max_request_bytes:
            raise ValueError(f"the request has {total} bytes; allowed are {self.max_request_bytes}")
        pixels = np.array([image_size.pixels(value) for value in values.flat], np.int64).reshape(
            values.shape
        )
        large = pixels > self.max_pixels
        return np.where(large, _TOO_LARGE, values), np.where(large, 0, pixels)

    def _answer(self, group: list[_Asked]) -> _Answers:
        try:
            return self._run(group)
        except Exception as error:  # whatever a model may raise
            if len(group) == 1:
                return [(group[0][0], error)]
        return [answer for asked in group for answer in self._answer([asked])]

    def _run(self, group: list[_Asked]) -> _Answers:
        """Runs requests for the same signature as one batch and splits the outputs."""
        _, signature, first, _ = group[0]
        batch = {name: np.concatenate([asked[2][name] for asked in group]) for name in first}
        pixels = np.concatenate([asked[3] for asked in group])
        parts = [
            self._outputs(signature, {name: values[start:end] for name, values in batch.items()})
            for start, end in _parts(pixels, self.max_pixels)
        ]
        outputs = (
            parts[0]
            if len(parts) == 1
            else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        )
        answers: _Answers = []
        start = 0
        for index, _, inputs, _ in group:
            end = start + _items(inputs)
            answers.append((index, {name: value[start:end] for name, value in outputs.items()}))
            start = end
        return answers

    def _outputs(self, signature: str, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self.network is not None and signature == DEFAULT_SIGNATURE:
            (images,) = batch.values()
            return self.network.run(images)
        inputs = {name: tf.constant(values) for name, values in batch.items()}
        return {name: value.numpy() for name, value in self.signatures[signature](**inputs).items()}


def _return_memory() -> None:
    """Returns to the system what loading has freed, a tenth of the process's memory, where the C library can."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _parts(pixels: np.ndarray, largest: int) -> Iterator[tuple[int, int]]:
    """Yields start and end of parts of at most so many pixels; usually one part of all."""
    start = total = 0
    for index, count in enumerate(pixels.tolist()):
        if total + count > largest and index > start:
            yield start, index
            start, total = index, 0
        total += count
    yield start, len(pixels)


def _inputs(signature: Any) -> dict[str, tf.TensorSpec]:
    return dict(signature.structured_input_signature[1])


def _items(inputs: dict[str, np.ndarray]) -> int:
    return len(next(iter(inputs.values())))


def _from_base64(values: np.ndarray) -> np.ndarray:
    """Decodes base64 strings [B, …]; an invalid one becomes empty, and thereby not valid."""
    decoded = np.empty(values.shape, object)
    for index, value in np.ndenumerate(values):
        try:
            decoded[index] = base64.b64decode(value, validate=True)
        except ValueError:
            decoded[index] = b""
    return decoded


def _response(request: Any, outputs: dict[str, np.ndarray]) -> Any:
    wanted = request.requested_output_names()
    tensors = [pb_utils.Tensor(name, value) for name, value in outputs.items() if name in wanted]
    return pb_utils.InferenceResponse(tensors)


def _refusal(message: str) -> Any:
    error = pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG)
    return pb_utils.InferenceResponse([], error)


def _failure(error: Exception) -> Any:
    code = pb_utils.TritonError.INTERNAL
    if isinstance(error, tf.errors.InvalidArgumentError):
        code = pb_utils.TritonError.INVALID_ARG
    elif isinstance(error, (tf.errors.ResourceExhaustedError, MemoryError)):
        code = pb_utils.TritonError.UNAVAILABLE
    message = " ".join(str(error).split())[:_MESSAGE_LENGTH]
    error_of_triton = pb_utils.TritonError(f"{failures.MODEL_FAILED}{message}", code)
    return pb_utils.InferenceResponse([], error_of_triton)
