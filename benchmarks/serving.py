"""Compares the throughput of the served model with batched calls in the same process.

    python benchmarks/serving.py [--data-dir DIR] [--backbone NAME] [--size PX] [--seconds S] [--rounds N]
        [--processor-time] [--no-arrivals] [--soak-minutes N]

The reference calls the exported model's ``serving_default`` with batches of 32 images, one after another without
pauses: no server of TensorFlow can be faster. It is compared with ``python -m serving serve`` and as many clients, each sending one
image per request over a kept connection: with Triton's binary protocol, and with TensorFlow Serving's REST API. Both
go through the gateway. Ours and the reference take turns, and the medians of some rounds count. The clients are wrk
(Debian: ``apt-get install wrk``), on the same machine. ``--processor-time`` compares images per second of
processor time, without that of the clients: for a machine that does other work.

Then one client; then requests that arrive at fixed rates over the binary path, up to the saturation point, and
at half of its load; then, with ``--soak-minutes``, a quarter of that load while memory is watched. TensorFlow
Serving itself has no package for Python or Debian, so it is not measured.
"""

import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks import checkout, harness, serving_load, serving_processes, serving_stages
from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer.network import model
from data.sources import by_folder

IMAGES = 256
BATCH = CLIENTS = 32
LABELS = [f"class {number}" for number in range(10)]
GOALS = {"rest": 1.6, "http": 2.0}
MOST_TIMES_ALONE = 3
# Rates of arrivals as shares of what 32 clients get.
SHARES = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25)
REFERENCE = "in process, batch of 32"


def export_model(target: Path, backbone: str, size: int) -> None:
    """Exports a version with random weights, which cost as much as trained ones."""
    settings = config.TrainConfig(backbone=backbone, weights="random")
    spec = materialise.Spec(size, "stretch", LABELS, {"train": 1, "eval": 1, "test": 0})
    classifier = model.build(settings, spec)
    target.parent.mkdir(parents=True)
    served_model.save(classifier, spec, backbone, target, target.parent.parent, with_network=True)


class InProcess:
    """The reference.

    Args:
      version: the folder of the SavedModel.
      images: encoded images, more than a batch.
    """

    def __init__(self, version: Path, images: list[bytes]) -> None:
        self._serve = tf.saved_model.load(str(version)).signatures["serving_default"]
        starts = range(0, len(images) - BATCH + 1, BATCH)
        self._batches = [tf.constant(images[start : start + BATCH]) for start in starts]
        self._run(serving_load.WARM_UP_S)

    def measure(self, seconds: float) -> dict[str, float]:
        """Returns images per second, and milliseconds of processor time for an image."""
        start, processor = time.perf_counter(), time.process_time()
        done = self._run(seconds)
        return {
            "images_per_s": done / (time.perf_counter() - start),
            "processor_ms": 1000 * (time.process_time() - processor) / done,
        }

    def _run(self, seconds: float) -> int:
        stop, done = time.perf_counter() + seconds, 0
        while not done or time.perf_counter() < stop:
            for batch in self._batches:
                self._serve(image_bytes=batch)
            done += BATCH * len(self._batches)
        return done


class Server:
    """The server under measurement.

    Args:
      server: runs.
      images: encoded images.
      scratch: an existing folder.
    """

    def __init__(self, server: checkout.ModelServer, images: list[bytes], scratch: Path) -> None:
        self.pid, self.address, self.images = server.process.pid, server.address, images
        self._files = {
            path: serving_load.written(form, images, scratch / path)
            for path, form in serving_load.PATHS.items()
        }

    def measure(self, path: str, clients: int, seconds: float) -> dict[str, float]:
        """Returns what wrk says, and milliseconds of processor time for an image, by part and in all."""
        asked = self.address[path], self._files[path], clients
        serving_load.clients(*asked, serving_load.WARM_UP_S)
        before = serving_processes.processor_s(self.pid)
        found = serving_load.clients(*asked, seconds)
        after = serving_processes.processor_s(self.pid)
        count = found.pop("requests")
        spent = {part: 1000 * (after[part] - before.get(part, 0)) / count for part in after}
        parts = {f"{part}_processor_ms": value for part, value in spent.items()}
        return {**found, **parts, "processor_ms": sum(spent.values())}

    def arrivals(self, rate: float, seconds: float) -> serving_load.Arrivals:
        """Sends requests at a fixed rate over the binary path."""
        return serving_load.arrivals(
            self.address["http"], serving_load.binary, self.images, rate, seconds
        )


def throughput(reference: InProcess, server: Server, seconds: float, rounds: int) -> dict[str, Any]:
    """Measures the reference and both paths in turn; returns the medians of the rounds."""
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        found.setdefault(REFERENCE, []).append(reference.measure(seconds))
        for path in serving_load.PATHS:
            one = server.measure(path, CLIENTS, seconds)
            found.setdefault(f"{path}, {CLIENTS} clients", []).append(one)
    for path in serving_load.PATHS:
        found[f"{path}, 1 client"] = [server.measure(path, 1, seconds)]
    return {name: _medians(rows) for name, rows in found.items()}


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


def saturation(server: Server, most: float, alone_ms: float, seconds: float) -> dict[str, Any]:
    """Raises the rate of arrivals until the server no longer keeps up; then measures half of the last one held.

    Args:
      server: the server.
      most: images per second of 32 clients.
      alone_ms: the median latency of one client.
      seconds: for each rate.
    """
    tried, held = [], None
    for share in SHARES:
        found = server.arrivals(share * most, seconds)
        is_held = found.is_held(alone_ms)
        tried.append({**found.result(), "held": is_held})
        print(f"arrivals: {tried[-1]}", flush=True)
        if not is_held:
            break
        held = found.rate
    half = server.arrivals((held or SHARES[0] * most) / 2, 2 * seconds)
    return {"saturation_rate": held and round(held, 1), "rates": tried, "half": half.result()}


def soak(server: Server, rate: float, minutes: float) -> dict[str, Any]:
    """Sends requests at a low rate for long, and watches the memory of the server's processes."""
    with serving_processes.Watch(server.pid) as watch:
        found = server.arrivals(rate, 60 * minutes)
    result = {"minutes": minutes, **found.result(), "memory": watch.result()}
    print(f"soak: {result}", flush=True)
    return result


def main() -> None:
    """Runs the benchmark."""
    parser = harness.parser(__doc__)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--no-arrivals", action="store_true")
    parser.add_argument("--soak-minutes", type=float, default=0)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; Debian's package is called wrk.")
    with harness.workspace() as scratch:
        root = harness.data_dir(given.data_dir, scratch)
        files = by_folder.scan(root).files
        files = files[:: max(1, len(files) // IMAGES)]
        images = [(root / file.path).read_bytes() for file in files]
        version = scratch / "serving" / "bench" / "1"
        export_model(version, given.backbone, given.size)
        stages = serving_stages.profile(version, images)
        for name, value in stages.items():
            print(f"{value:9.1f} µs  {name}", flush=True)
        reference = InProcess(version, images)
        with checkout.ModelServer(version.parent) as started:
            server = Server(started, images, scratch)
            details = throughput(reference, server, given.seconds, given.rounds)
            for name, row in details.items():
                print(f"{name}: {row}", flush=True)
            alone_ms = details["http, 1 client"]["p50_ms"]
            most = details[f"http, {CLIENTS} clients"]["images_per_s"]
            if not given.no_arrivals:
                details["arrivals"] = saturation(server, most, alone_ms, given.seconds)
            if given.soak_minutes:
                details["soak"] = soak(server, most / 4, given.soak_minutes)
    details["stages_us"] = stages
    if not given.no_arrivals:
        p99_ms = details["arrivals"]["half"]["p99_ms"]
        harness.finish(
            "p99 at half the saturation load, against p50 of one client", "ms", alone_ms, p99_ms,
            MOST_TIMES_ALONE * alone_ms / p99_ms, 1.0, {"most": f"{MOST_TIMES_ALONE} × p50"},
        )  # fmt: skip
    for path, goal in GOALS.items():
        theirs, ours = details[REFERENCE], details[f"{path}, {CLIENTS} clients"]
        unit, one, other = "images/s", theirs["images_per_s"], ours["images_per_s"]
        if given.processor_time:
            unit = "images per second of processor time"
            one, other = 1000 / theirs["processor_ms"], 1000 / ours["processor_ms"]
        claim = f"serving throughput, {path}, {CLIENTS} clients"
        harness.finish(claim, unit, one, other, other / one, goal, details)


if __name__ == "__main__":
    main()
