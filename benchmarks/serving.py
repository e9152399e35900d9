"""Compares the throughput of the served model with batched calls in the same process.

    python benchmarks/serving.py [--data-dir DIR] [--backbone NAME] [--size PX] [--seconds S]

The reference calls the exported model's ``serving_default`` with batches of 1, 8 and 32 images,
one after another without pauses: no server can be faster. It is compared with ``python -m serving
serve`` and as many clients, each sending one image per request over a kept connection: with Triton's
binary protocol, and with TensorFlow Serving's REST API. Both go through the gateway: Triton itself
listens on a Unix socket, which wrk cannot reach. The clients are wrk (Debian: ``apt-get install
wrk``), on the same machine.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks import checkout, harness
from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer.network import model
from data.sources import by_folder
from serving.client import protocol

CONCURRENCIES = (1, 8, 32)
IMAGES = 256
LABELS = [f"class {number}" for number in range(10)]
GOALS = {"http": 0.95, "rest": 0.75}
WARM_UP_S = 2

# Builds the path, the body and the headers of a request for one image.
Form = Callable[[bytes], tuple[str, bytes, dict[str, str]]]


def export_model(target: Path, backbone: str, size: int) -> None:
    """Exports a version with random weights, which cost as much as trained ones."""
    settings = config.TrainConfig(backbone=backbone, weights="random")
    spec = materialise.Spec(size, "stretch", LABELS, {"train": 1, "eval": 1, "test": 0})
    classifier = model.build(settings, spec)
    target.parent.mkdir(parents=True)
    served_model.save(classifier, spec, backbone, target, target.parent.parent, with_network=True)


def in_process(version: Path, images: list[bytes], batch: int, seconds: float) -> float:
    """Measures images per second of batched calls, of two at least, however short the time."""
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    batches = [
        tf.constant(images[start : start + batch])
        for start in range(0, len(images) - batch + 1, batch)
    ]
    done, start, end = 0, 0.0, 0.0
    stop = time.perf_counter() + WARM_UP_S + seconds
    while not done or end < stop:
        for inputs in batches:
            serve(image_bytes=inputs)
            end = time.perf_counter()
            if end > stop - seconds:
                start, done = (start, done + batch) if start else (end, 0)
            if done and end >= stop:
                break
    return done / (end - start)


def binary(image: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Builds a request in Triton's binary protocol."""
    return "/v2/models/bench/infer", *protocol.request("image_bytes", [image], [], {})


def rest(image: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Builds a request of TensorFlow Serving's REST API."""
    body = json.dumps({"instances": [{"b64": base64.b64encode(image).decode()}]})
    return "/v1/models/bench:predict", body.encode(), {"Content-Type": "application/json"}


# By their names in the address file.
PATHS: dict[str, Form] = {"http": binary, "rest": rest}


def load(url: str, forms: list[Path], clients: int, seconds: float) -> dict[str, float]:
    """Runs wrk with so many clients, after a warm-up, and returns its figures.

    Raises:
      SystemExit: a request failed.
    """
    script = Path(__file__).with_suffix(".lua")
    files = [str(path) for path in forms]
    for length in (WARM_UP_S, seconds):
        command = ["wrk", "-t1", f"-c{clients}", f"-d{length:.0f}s", "--timeout", "60s"]
        command += ["-s", str(script), url, "--", *files]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        if found["failed"]:
            raise SystemExit(f"{found['failed']} requests to {url} failed.")
    return {
        "images_per_s": round(found["requests"] / found["seconds"], 1),
        "p50_ms": round(found["p50_ms"], 1),
        "p99_ms": round(found["p99_ms"], 1),
    }


def written(form: Form, images: list[bytes], folder_path: Path) -> list[Path]:
    """Writes the requests as files for the wrk script."""
    folder_path.mkdir()
    paths = []
    for number, image in enumerate(images):
        path, body, headers = form(image)
        lines = [path, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        paths.append(folder_path / f"{number:03d}")
        paths[-1].write_bytes("\n".join(lines).encode() + body)
    return paths


def main() -> None:
    """Runs the benchmark."""
    parser = harness.parser(__doc__)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; Debian's package is called wrk.")
    with harness.workspace() as scratch:
        root = harness.data_dir(given.data_dir, scratch)
        files = by_folder.scan(root).files[:: max(1, len(by_folder.scan(root).files) // IMAGES)]
        images = [(root / file.path).read_bytes() for file in files]
        version = scratch / "serving" / "bench" / "1"
        export_model(version, given.backbone, given.size)
        details: dict[str, dict[str, float]] = {}
        for batch in CONCURRENCIES:
            rate = in_process(version, images, batch, given.seconds)
            details[f"in process, batch of {batch}"] = {"images_per_s": round(rate, 1)}
        with checkout.ModelServer(version.parent) as server:
            for path, form in PATHS.items():
                files = written(form, images, scratch / path)
                for clients in CONCURRENCIES:
                    details[f"{path}, {clients} clients"] = load(
                        server.address[path], files, clients, given.seconds
                    )
    reference = details["in process, batch of 32"]["images_per_s"]
    for name, goal in GOALS.items():
        ours = details[f"{name}, 32 clients"]["images_per_s"]
        claim = f"serving throughput, {name}, 32 clients"
        harness.finish(claim, "images/s", reference, ours, ours / reference, goal, details)


if __name__ == "__main__":
    main()
