"""Chooses what runs a version's network on this machine: TensorFlow, or ONNX Runtime.

ONNX Runtime is used only if its answers on drawn images are those of the SavedModel, and if it is quicker in a
short trial; else TensorFlow. This file is copied next to model.py in Triton's folder.
Dimension letters: B batch, S side in pixels.
"""

import concurrent.futures
import functools
import io
import itertools
import os
import statistics
import struct
import time
from collections.abc import Callable
from typing import Any

import fast_network  # lies beside this file, as do onnx_file and runtimes
import numpy as np
import onnx_file
import tensorflow as tf
from PIL import Image
from runtimes import AUTO, ONNX_RUNTIME, TENSORFLOW, TRIAL_BATCH, Choice

# The largest difference of the compared output, and of the embedding relative to its largest value.
TOLERANCE = 1e-4
_EMBED, _EMBEDDING, _VALID = "embed", "embedding", "valid"
_TRIAL_S = 0.12  # of each candidate
_LEAST_RUNS, _MOST_RUNS = 2, 50
_MAX_SIDE_PX = 512
_PROFILE_HEADER_BYTES = 128
_PROFILE_TAGS = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")


def choose(
    wanted: str, loaded: Any, directory: str, contract: Any, workers: int
) -> tuple[Choice, fast_network.FastNetwork | None]:
    """Returns the choice, and the network in ONNX Runtime where that is chosen.

    Args:
      wanted: AUTO, TENSORFLOW, or ONNX_RUNTIME, which skips the trial.
      loaded: the SavedModel.
      directory: its folder.
      contract: what is in ``contract.json``.
      workers: how many of them share the processors.

    Raises:
      onnx_file.UnusableError: ONNX_RUNTIME is wanted and cannot be used.
    """
    if wanted == TENSORFLOW:
        return Choice(TENSORFLOW, 0, "--runtime tensorflow was given"), None
    try:
        content = onnx_file.read(directory, contract)
        processors = max(1, len(os.sched_getaffinity(0)) // workers)
        networks = [
            fast_network.FastNetwork(loaded, content, threads)
            for threads in sorted({processors, max(1, processors // 2)}, reverse=True)
        ]
        difference = self_test(loaded, networks[0], contract)
        if wanted == AUTO:
            return _try(loaded, networks, difference)
    except Exception as error:  # TensorFlow serves, whatever is wrong with the other runtime
        if wanted == ONNX_RUNTIME:
            raise
        is_failure = getattr(error, "is_failure", True)
        return Choice(TENSORFLOW, 0, str(error)[:500] or repr(error), is_failure), None
    reason = "--runtime onnxruntime was given"
    return Choice(ONNX_RUNTIME, processors, reason, False, difference), networks[0]


def _try(
    loaded: Any, networks: list[fast_network.FastNetwork], difference: float
) -> tuple[Choice, fast_network.FastNetwork | None]:
    """Times TensorFlow and each network on a batch."""
    side = networks[0].images.side()
    jpeg = _drawn(2 * side, 2 * side, "RGB", "JPEG", 0)
    batch = np.array([jpeg] * TRIAL_BATCH, object)
    signature = loaded.signatures[fast_network.SIGNATURE]
    own_ms = _median_ms(lambda: signature(image_bytes=tf.constant(batch)))
    times = [_median_ms(functools.partial(one.run, batch)) for one in networks]
    best = int(np.argmin(times))
    trial = {TENSORFLOW: round(own_ms, 2), ONNX_RUNTIME: round(times[best], 2)}
    if own_ms <= times[best]:
        reason = "TensorFlow was quicker in the trial"
        return Choice(TENSORFLOW, 0, reason, False, difference, trial), None
    reason = "it was quicker in the trial"
    chosen = networks[best]
    return Choice(ONNX_RUNTIME, chosen.threads, reason, False, difference, trial), chosen


def self_test(loaded: Any, network: fast_network.FastNetwork, contract: Any) -> float:
    """Compares ONNX Runtime's answers on drawn images with those of the SavedModel.

    Args:
      loaded: the SavedModel.
      network: the same with another runtime.
      contract: names the output whose numbers are compared.

    Returns:
      The largest difference.

    Raises:
      onnx_file.UnusableError: they differ by more than TOLERANCE, or it fails.
    """
    encoded = np.array(drawn(network.images.side()), object)
    name = contract["network"].get("compared")
    images = tf.constant(encoded)
    # The first call of each takes seconds on one processor.
    with concurrent.futures.ThreadPoolExecutor(3) as beside:
        pending = beside.submit(loaded.signatures[fast_network.SIGNATURE], image_bytes=images)
        embedded = beside.submit(loaded.signatures[_EMBED], image_bytes=images)
        seen = beside.submit(network.images.of, encoded)
    expected, embedding = pending.result(), embedded.result()[_EMBEDDING].numpy()
    if name not in expected or not expected[name].dtype.is_floating:
        raise onnx_file.UnusableError(
            f"contract.json names {name!r:.80} as what is compared, which is no output of numbers"
        )
    try:
        pixels, refused, sizes = seen.result()
        answer, found = network.run(encoded), network.embedding(encoded)
    except Exception as error:  # whatever a runtime may raise
        message = " ".join(str(error).split())[:200]
        raise onnx_file.UnusableError(f"it fails: {message}", is_failure=True) from error
    if (answer[_VALID] != expected[_VALID].numpy()).any():
        raise onnx_file.UnusableError("it reads other images than the SavedModel", is_failure=True)
    same = zip((pixels, refused, sizes), network.images.of_any(encoded), strict=True)
    if not all(np.array_equal(*pair) for pair in same):
        raise onnx_file.UnusableError("its pixels are not those of the SavedModel", is_failure=True)
    scale = max(1.0, float(np.abs(embedding).max()))
    differences = [
        _difference(answer[name], expected[name].numpy()),
        _difference(found, embedding) / scale,
    ]
    if not max(differences) <= TOLERANCE:
        raise onnx_file.UnusableError(
            f"its answers differ from those of the SavedModel by {max(differences):.2g};"
            f" {TOLERANCE:g} is allowed",
            is_failure=True,
        )
    return max(differences)


def drawn(side: int) -> list[bytes]:
    """Draws encoded images for a network of S px: plain ones and others, and something that is no image."""
    side = min(side, _MAX_SIDE_PX)
    wide = (side, side + side // 2 + 1)
    turned = Image.Exif()
    turned[0x0112] = 6
    return [
        _drawn(side, side, "RGB", "PNG", 1),
        _drawn(2 * side, 2 * side, "RGB", "JPEG", 2),
        _drawn(*wide, "RGB", "JPEG", 3),
        _drawn(*wide, "L", "JPEG", 4),
        _drawn(*wide, "RGB", "JPEG", 5, exif=turned),
        _drawn(*wide, "RGB", "JPEG", 8, icc_profile=_wide_profile()),
        _drawn(*wide, "RGBA", "PNG", 6),
        _drawn(side // 2 + 1, side // 2 + 1, "RGB", "BMP", 7),
        b"This is no image.\n",
    ]


def _wide_profile() -> bytes:
    """Returns a colour profile of Display P3's primaries and a gamma of 2.2, which changes pixels.

    Source: ICC.1:2022, 7.2, 7.3, 10.6 and 10.31.
    """
    primaries = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
    values = [
        *(
            b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in one))
            for one in primaries
        ),
        *[b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(2.2 * 256))] * 3,
    ]
    start = _PROFILE_HEADER_BYTES + 4 + 12 * len(_PROFILE_TAGS)
    places = itertools.accumulate((len(one) for one in values), initial=start)
    entries = zip(_PROFILE_TAGS, places, values, strict=False)
    tags = b"".join(struct.pack(">4sII", tag, place, len(one)) for tag, place, one in entries)
    body = struct.pack(">I", len(values)) + tags + b"".join(values)
    size = _PROFILE_HEADER_BYTES + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return head.ljust(_PROFILE_HEADER_BYTES, b"\0") + body


def _drawn(height: int, width: int, mode: str, form: str, seed: int, **options: Any) -> bytes:
    """Draws soft spots of colour, from the same seed the same ones."""
    shape = (height // 16 + 2, width // 16 + 2, 4)
    spots = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    image = Image.fromarray(spots, "RGBA").resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference; infinite where shapes differ or one is not a number."""
    if found.shape != expected.shape:
        return float("inf")
    largest = float(np.abs(found - expected).max(initial=0.0))
    return largest if np.isfinite(largest) else float("inf")


def _median_ms(run: Callable[[], object]) -> float:
    """Returns the median time of a call in milliseconds, after one to warm up."""
    run()
    times: list[float] = []
    until = time.perf_counter() + _TRIAL_S
    while len(times) < _LEAST_RUNS or (time.perf_counter() < until and len(times) < _MOST_RUNS):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)
