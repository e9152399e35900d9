"""Where the processor time of one image goes, stage by stage, each called by itself in this process."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import serving_load
from serving.client import client, protocol
from serving.gateway import bounds, openinference_format, request_cost, tfserving_format

# As the worker imports what lies beside its model.py.
sys.path.insert(0, str(Path(client.__file__).parents[1] / "triton"))
import fast_network
import onnx_file
import plain_image

sys.path.pop(0)

_REPEATS = 5
_BATCH = 32


def profile(version: Path, images: Sequence[bytes]) -> dict[str, float]:
    """Returns microseconds of processor time for an image, by stage; the median of some repeats.

    Args:
      version: the folder of a SavedModel with a network.
      images: encoded images, JPEG for the most part.
    """
    loaded = tf.saved_model.load(str(version))
    contract = json.loads((version / "assets" / "contract.json").read_text())
    network = fast_network.FastNetwork(loaded, onnx_file.read(str(version), contract), 1)
    return {**_gateway(images), **_worker(loaded, network, images)}


def _gateway(images: Sequence[bytes]) -> dict[str, float]:
    """Times what the gateway does to a request and to its answer besides HTTP."""
    limits = bounds.Limits()
    asked = [serving_load.binary(image) for image in images]
    texts = [serving_load.rest(image)[1] for image in images]

    def binary() -> None:
        for _, body, headers in asked:
            length = headers[protocol.HEADER_LENGTH]
            rewritten, sent = openinference_format.request(body, length, client.IMAGE_INPUT, limits)
            found = openinference_format.images(rewritten, int(sent[protocol.HEADER_LENGTH]))
            request_cost.pixels(found, limits)

    def rest() -> None:
        for body in texts:
            given = tfserving_format.parse(
                body, client.IMAGE_INPUT, limits.max_instances, limits.max_json_values
            )
            request_cost.pixels(given.items, limits)
            protocol.request(client.IMAGE_INPUT, given.items, [], {})

    outputs = {
        "probabilities": np.full((1, 10), 0.1, np.float32),
        "label": np.array([b"class 1"], object),
        "score": np.array([0.1], np.float32),
        "valid": np.array([True]),
    }

    def answer() -> None:
        for _ in images:
            b"".join(tfserving_format.pieces(outputs, True))

    count = len(images)
    return {
        "gateway: a binary request is parsed, counted and rewritten": _us(binary, count),
        "gateway: a REST request likewise, with base64": _us(rest, count),
        "gateway: a REST answer is written": _us(answer, count),
    }


def _worker(loaded: Any, network: Any, images: Sequence[bytes]) -> dict[str, float]:
    """Times what the worker does to an image; batches are of 32 images."""
    pixels = network.images
    examined = [plain_image.examine(image) for image in images]
    with_profile = [
        image
        for image, plain in zip(images, examined, strict=True)
        if plain is not None and plain.profile and _is_converted(pixels, plain, image)
    ]
    plain = [image for image in images if image not in set(with_profile)]
    answers = network.run(np.array(images[:_BATCH], object))
    some = pixels.of(np.array(images[:_BATCH], object))[0]
    embedding, outputs = network.network(some)
    refused, sizes = np.full(len(some), b"", object), np.ones((len(some), 2), np.int32)
    signature = loaded.signatures["serving_default"]
    found = {
        "worker: headers are read": _us(
            lambda: [plain_image.examine(image) for image in images], len(images)
        ),
        "worker: a plain image is decoded and resized": _batches(pixels.of, plain),
        "worker: … with a colour profile that was seen before": _batches(pixels.of, with_profile),
        "worker: … by the complete graph, plain": _batches(pixels.of_any, plain),
        "worker: … by the complete graph, with a profile": _batches(pixels.of_any, with_profile),
        "worker: network, batch of 32": _us(lambda: network.network(some), len(some)),
        "worker: network, one image": _us(lambda: network.network(some[:1]), 1),
        "worker: answer": _us(
            lambda: network.answer(embedding, outputs, refused, sizes), len(some)
        ),
        "worker: all of it": _batches(network.run, images),
        "TensorFlow: serving_default": _batches(
            lambda batch: signature(image_bytes=tf.constant(batch)), images
        ),
    }
    assert set(answers) == set(signature.structured_outputs)  # noqa: S101
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _is_converted(pixels: Any, plain: Any, image: bytes) -> bool:
    colours = pixels.colours(plain, image)
    return colours is not None and colours.tables is not None


def _batches(call: Callable[[np.ndarray], Any], images: Sequence[bytes]) -> float:
    if not images:
        return float("nan")
    batches = [
        np.array(images[start : start + _BATCH], object) for start in range(0, len(images), _BATCH)
    ]
    return _us(lambda: [call(batch) for batch in batches], len(images))


def _us(call: Callable[[], Any], count: int) -> float:
    """Returns processor time in µs for one of ``count`` images: the median of repeats."""
    call()
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return round(1e6 * statistics.median(times) / count, 1)
