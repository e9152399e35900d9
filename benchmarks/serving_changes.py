"""Changes versions and kills a worker under steady load, and counts the failed requests.

    python benchmarks/serving_changes.py [--data-dir DIR] [--clients N] [--kills N]

``python -m serving serve`` serves version 1 of a small network while clients send requests with
pauses of ``--pause-ms``, half of them with Triton's binary protocol, half with TensorFlow Serving's
REST API, and never retry. Version 2 is pushed, withdrawn by ``rollback`` and served again by
``promote``; then worker processes are killed with SIGKILL, of a server with one worker and of one
with two.

The two versions answer every image of the load differently, so an answer identifies its version.
An answer is wrong if it is neither version's, if it is the new version's before the change began,
or if it is the old version's to a request that began after the new one was announced, by the line
of ``serve`` or the end of the command. The reference is the number of requests during push,
rollback and promotion; it is compared with the number of correct answers.
"""

import asyncio
import base64
import collections
import functools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import aiohttp
import keras
import numpy as np
import tensorflow as tf

from benchmarks import checkout, harness, process_tree
from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer.network import model
from data.sources import by_folder
from serving.client import protocol

LABELS = [f"class {number}" for number in range(10)]
SIZE_PX = 32
SHARPER = 50.0  # scales random logits: the versions are confident of different classes
APART = 0.2  # minimum difference of the versions' probabilities on an image
TOLERANCE = 1e-4
IMAGES = 64
HOLD_S = 3.0
TIMEOUT_S = 600.0
WORKER = "python_backend_stub"


@dataclass(frozen=True)
class Answered:
    """A request: its protocol, its times (monotonic seconds) and its outcome.

    Attributes:
      came: the version that answered, "1" or "2"; "neither"; or the failure.
    """

    api: str
    begun: float
    ended: float
    came: str

    @property
    def failed(self) -> bool:
        """Returns whether the request failed."""
        return self.came not in ("1", "2", "neither")


@dataclass(frozen=True)
class Change:
    """A change of version: its name, start, announcement, old and new version."""

    name: str
    begun: float
    announced: float
    old: str
    new: str


def export_version(target: Path, number: int) -> None:
    """Exports a version with random weights and confident predictions."""
    keras.utils.set_random_seed(number)
    spec = materialise.Spec(SIZE_PX, "stretch", LABELS, {"train": 1, "eval": 1, "test": 0})
    classifier = model.build(config.TrainConfig(backbone="cnn", weights="random"), spec)
    head = classifier.layers[-1]
    head.set_weights([SHARPER * weights for weights in head.get_weights()])
    served_model.save(classifier, spec, "cnn", target, target.parent)


def telling(versions: dict[str, Path], images: list[bytes]) -> tuple[list[bytes], dict[str, Any]]:
    """Returns the images that the versions answer differently; version → probabilities [N, K]."""
    found = {
        number: tf.saved_model.load(str(path))
        .signatures["serving_default"](image_bytes=tf.constant(images))["probabilities"]
        .numpy()
        for number, path in versions.items()
    }
    apart = np.flatnonzero(np.abs(found["1"] - found["2"]).max(axis=1) > APART)[:IMAGES]
    if not len(apart):
        raise SystemExit("The two versions answer all images alike.")
    return [images[index] for index in apart], {key: rows[apart] for key, rows in found.items()}


class Load:
    """Clients that send requests continuously, in a thread; a context manager.

    Args:
      address: the server's addresses.
      images: the images to send, in turn.
      expected: version → probabilities [N, K].
      clients: number of clients of both protocols together.
      pause_s: pause of each client between two requests.
    """

    def __init__(
        self,
        address: dict[str, str],
        images: Sequence[bytes],
        expected: dict[str, np.ndarray],
        clients: int,
        pause_s: float,
    ) -> None:
        self.answered: list[Answered] = []
        self._address = address
        self._images = images
        self._expected = expected
        self._clients = clients
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            apis = (self._binary, self._rest)
            await asyncio.gather(
                *(
                    self._client(session, apis[number % 2], number)
                    for number in range(self._clients)
                )
            )

    async def _client(
        self, session: aiohttp.ClientSession, api: Callable[..., Any], number: int
    ) -> None:
        while not self._stop.is_set():
            index = number % len(self._images)
            begun = time.monotonic()
            try:
                came = self._whose(await api(session, self._images[index]), index)
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                came = f"{type(error).__name__}: {error}"[:120]
            name = api.__name__.strip("_")
            self.answered.append(Answered(name, begun, time.monotonic(), came))
            number += 1
            await asyncio.sleep(self._pause_s)

    async def _binary(
        self, session: aiohttp.ClientSession, image: bytes
    ) -> tuple[Any, str | None] | str:
        body, headers = protocol.request("image_bytes", [image], [], {})
        url = f"{self._address['http']}/v2/models/bench/infer"
        async with session.post(url, data=body, headers=headers) as response:
            content = await response.read()
            if response.status != 200:
                return f"{response.status}: {content[:100]!r}"
            answer = protocol.answer(content, int(response.headers[protocol.HEADER_LENGTH]))
            return answer.outputs["probabilities"][0], answer.version

    async def _rest(
        self, session: aiohttp.ClientSession, image: bytes
    ) -> tuple[Any, str | None] | str:
        body = {"instances": [{"b64": base64.b64encode(image).decode()}]}
        url = f"{self._address['rest']}/v1/models/bench:predict"
        async with session.post(url, json=body) as response:
            content = await response.read()
            if response.status != 200:
                return f"{response.status}: {content[:100]!r}"
            return json.loads(content)["predictions"][0]["probabilities"], None

    def _whose(self, answer: tuple[Any, str | None] | str, index: int) -> str:
        if isinstance(answer, str):
            return answer
        probabilities, named = answer
        for number, rows in self._expected.items():
            if np.abs(rows[index] - probabilities).max() <= TOLERANCE and named in (None, number):
                return number
        return "neither"


class Server(checkout.ModelServer):
    """A model server that is told to change versions."""

    def said(self, sentence: str) -> int:
        """Counts how often the server printed a sentence."""
        return self.output().count(sentence)

    def command(self, *arguments: str) -> None:
        """Runs a ``python -m serving`` command and waits until the server has followed."""
        flags = ["--model-dir", str(self.model_dir), "--url", self.address["http"]]
        command = [sys.executable, "-m", "serving", *arguments, *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def workers(self) -> list[int]:
        """Returns the ids of the processes that run the model."""
        found = process_tree.below(self.process.pid)
        return sorted(one for one in found if WORKER in _command_line(one))


def _command_line(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text()
    except OSError:
        return ""


def change_versions(server: Server, pushed: Path) -> list[Change]:
    """Pushes version 2, rolls back and promotes."""
    changes = []

    def change(name: str, old: str, new: str, act: Callable[[], None]) -> None:
        time.sleep(HOLD_S)
        begun = time.monotonic()
        act()
        changes.append(Change(name, begun, time.monotonic(), old, new))

    def push() -> None:
        pushed.rename(server.model_dir / "2")
        server.wait(lambda: server.said("Version 2 is served.") == 1)

    change("push", "1", "2", push)
    change("rollback", "2", "1", lambda: server.command("rollback"))
    change("promotion", "1", "2", lambda: server.command("promote", "2"))
    time.sleep(HOLD_S)
    return changes


def judged(changes: Sequence[Change], answered: Sequence[Answered]) -> dict[str, dict[str, Any]]:
    """Counts the outcomes of each change, from the end of the previous change to the next."""
    rows: dict[str, dict[str, Any]] = {}
    start = min(one.begun for one in answered)
    for change in changes:
        end = next((one.begun for one in changes if one.begun > change.begun), float("inf"))
        own = [one for one in answered if start <= one.begun < end]
        new = [one for one in own if one.came == change.new]
        first = min((one.ended for one in new), default=float("inf"))
        rows[change.name] = {
            "requests": len(own),
            "failed": sum(one.failed for one in own),
            "neither": sum(one.came == "neither" for one in own),
            # A request that begins before a change may be answered after it.
            "too_early": sum(one.ended < change.begun for one in new),
            "stale": sum(one.came == change.old and one.begun > change.announced for one in own),
            "old_after_new": sum(one.came == change.old and one.begun > first for one in own),
            "first_answer_s": round(first - change.begun, 2),
            "announced_s": round(change.announced - change.begun, 2),
        }
        start = end
    return rows


def _is_said_again(server: Server, said: int) -> bool:
    return server.said("is served.") > said


def kill(server: Server, load: Load, workers: int, count: int) -> dict[str, Any]:
    """Kills one of the workers several times; returns how many requests fail, and for how long."""
    recoveries, failures, requests, wrong = [], [], 0, 0
    for _ in range(count):
        # The previous version's worker takes some time to end.
        server.wait(lambda: len(server.workers()) == workers)
        time.sleep(HOLD_S)
        said, begun = server.said("is served."), time.monotonic()
        os.kill(server.workers()[0], signal.SIGKILL)
        server.wait(functools.partial(_is_said_again, server, said))
        time.sleep(HOLD_S)
        own = [one for one in load.answered if one.begun >= begun]
        failed = [one for one in own if one.failed]
        last = max((one.ended for one in failed), default=begun)
        recoveries.append(min(one.ended for one in own if not one.failed and one.ended > last))
        recoveries[-1] -= begun
        failures.append(len(failed))
        seconds = collections.Counter(int(one.ended - begun) for one in failed)
        print(f"  failures in each second: {dict(sorted(seconds.items()))}", file=sys.stderr)
        requests += len(own)
        wrong += sum(one.came == "neither" for one in own)
        for came, often in collections.Counter(one.came for one in failed).most_common(3):
            print(f"  {often} × {came}", file=sys.stderr)
    return {
        "requests": requests,
        "wrong": wrong,
        "failed": failures,
        "recovery_s": [round(one, 1) for one in recoveries],
        "median_recovery_s": round(statistics.median(recoveries), 1),
    }


def show(name: str, row: dict[str, Any]) -> None:
    """Prints a row."""
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def main() -> None:
    """Runs the benchmark."""
    parser = harness.parser(__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pause-ms", type=float, default=10)
    parser.add_argument("--kills", type=int, default=3, help="number of kills per server")
    given = parser.parse_args()
    with harness.workspace() as scratch:
        root = harness.data_dir(given.data_dir, scratch)
        files = by_folder.scan(root).files
        chosen = files[:: max(1, len(files) // (4 * IMAGES))]
        paths = {str(number): scratch / "exported" / str(number) for number in (1, 2)}
        for number, path in paths.items():
            path.parent.mkdir(exist_ok=True)
            export_version(path, int(number))
        images, expected = telling(paths, [(root / one.path).read_bytes() for one in chosen])
        details: dict[str, Any] = {"clients": given.clients, "images": len(images)}
        for workers in (1, 2):
            model_dir = scratch / f"workers_{workers}" / "bench"
            shutil.copytree(paths["1"], model_dir / "1")
            with (
                Server(model_dir, "--workers", str(workers), limit_s=TIMEOUT_S) as server,
                Load(
                    server.address, images, expected, given.clients, given.pause_ms / 1000
                ) as load,
            ):
                if workers == 1:
                    changes = change_versions(server, paths["2"])
                    details |= judged(changes, list(load.answered))
                    for change in changes:
                        show(change.name, details[change.name])
                name = f"kill, {workers} worker{'s' * (workers > 1)}"
                details[name] = kill(server, load, workers, given.kills)
                show(name, details[name])
    rows = [details[change.name] for change in changes]
    requests = sum(row["requests"] for row in rows)
    bad = sum(row[key] for row in rows for key in ("failed", "neither", "too_early", "stale"))
    harness.finish(
        "requests answered correctly while versions change",
        "requests",
        requests,
        requests - bad,
        (requests - bad) / requests,
        1.0,
        details,
    )


if __name__ == "__main__":
    main()
