"""A review of a few images, with a server of its own, without a run before it."""

import asyncio
import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.corrections import decisions
from data.files import hashing
from pipeline.review import out_of_sample, queues, server, session
from pipeline.review.annotations import Annotations
from tasks import task
from tests.components.image_validator.made import image
from tests.data.pictures import noise

TOKEN = "a-token-of-24-characters"  # noqa: S105
LABELS = ["cat", "cow", "dog"]


class Project:
    """What a session needs of a project."""

    def __init__(self, folder, has_labels=True, task_name="detection") -> None:
        self.task = task.load(task_name)
        self.name, self.data_dir, self.labels = "pets", folder / "data", LABELS
        self.has_labels = has_labels
        self.log = decisions.Log(folder / "pets.csv")
        self.unlabelled_log = decisions.Log(folder / "pets.new.csv")


def known(count=40) -> queues.Images:
    images = [image(number, LABELS[number % 3], phash="0" * 64) for number in range(count)]
    images = [one._replace(sha256=f"{number:064x}") for number, one in enumerate(images)]
    # Two copies with different labels, and a near-duplicate in another split.
    images[3] = images[3]._replace(sha256=images[4].sha256)
    images[6] = images[6]._replace(split="test")
    presence = np.array([[name in one.labels for name in LABELS] for one in images])
    probabilities = np.where(presence, 0.9, 0.05)
    for number, sure in ((5, 0.8), (9, 0.95), (12, 0.6)):
        probabilities[number] = (1 - sure) / 2
        probabilities[number, (number + 1) % 3] = sure
    near = [(9, 0, 6), (4, 1, 4), (0, 3, 4)]
    rows = np.eye(count)
    return queues.Images(images, presence, near, rows, answers(probabilities))


def answers(probabilities: np.ndarray) -> out_of_sample.Answers:
    return out_of_sample.Answers(probabilities, strength=1, temperature=1, agreement=1)


@dataclass
class Running:
    """A server with a session about twelve images of which three are doubtful."""

    session: session.Session
    port: int
    root: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        given = {"Authorization": f"Bearer {TOKEN}", **headers}
        asked = urllib.request.Request(self.url + path, data=body, headers=given)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                content = answer.read()
                kind = answer.headers["Content-Type"]
                return answer.status, json.loads(content) if "json" in kind else content
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


class Explained:
    """A model that explains every image alike."""

    def explain(self, encoded: bytes) -> np.ndarray:
        return np.array([[0.0, 1.0]])


def pets(folder: Path, count: int = 12) -> session.Session:
    project = Project(folder)
    images = []
    for number in range(count):
        path = project.data_dir / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        noise(90, 120, seed=number).save(path)
        made = image(number, LABELS[number % 3])
        images.append(made._replace(path=path.name, sha256=hashing.sha256(path.read_bytes())))
    presence = np.array([[name in one.labels for name in LABELS] for one in images])
    probabilities = np.where(presence, 0.9, 0.05)
    for number in (2, 5, 7):
        probabilities[number] = np.roll(probabilities[number], 1)
    near = [(9, 0, 1)]
    return session.Session(
        project, queues.Images(images, presence, near, np.eye(count), answers(probabilities)), "ada"
    )


@contextlib.contextmanager
def running(made: session.Session, annotations: Annotations | None = None) -> Iterator[Running]:
    loop, ready = asyncio.new_event_loop(), threading.Event()
    with socket.socket() as listening:
        listening.bind((server.LOOPBACK, 0))

        async def serve() -> None:
            served = server.Server(made, Explained(), TOKEN, annotations)
            with contextlib.suppress(asyncio.CancelledError):
                await served.serve(listening, lambda _: ready.set())

        task = loop.create_task(serve())
        thread = threading.Thread(target=loop.run_until_complete, args=(task,))
        thread.start()
        try:
            assert ready.wait(60)
            yield Running(made, listening.getsockname()[1], made.project.data_dir)
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join()
            loop.close()
