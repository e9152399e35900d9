"""An API server of Kubeflow Pipelines on loopback that checks what it gets, and keeps it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

from google.protobuf import json_format

TOKEN = "a-secret-token"  # noqa: S105
PREFIX = "/apis/v2beta1"


class FakeApi(ThreadingHTTPServer):
    """Answers as the real server does to what a client asks when it submits.

    Attributes:
      posted: (resource, body) of every POST.
      refusal: an answer to give to every POST instead: status and body.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self.problems: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeApi

    def do_GET(self) -> None:
        path = self._path()
        if path == "healthz":
            self._answer(200, {"multi_user": False})
        elif path == "experiments":
            self._answer(200, {})  # there is none yet
        else:
            self._answer(404, {"error": f"no {path}"})

    def do_POST(self) -> None:
        resource = self._path()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refusal and resource != "experiments":
            self._answer(*self.server.refusal)
            return
        self.server.posted.append((resource, body))
        answers = {
            "experiments": {"experiment_id": "e-1", "display_name": body.get("display_name")},
            "runs": {"run_id": "r-1", "experiment_id": "e-1"},
            "recurringruns": {"recurring_run_id": "j-1", "experiment_id": "e-1"},
        }
        if resource in ("runs", "recurringruns"):
            self._check(body)
        self._answer(200, answers[resource])

    def _check(self, body: dict[str, Any]) -> None:
        """What the real server does with a package: it must be a pipeline, schema 2.1.0."""
        from kfp.pipeline_spec import pipeline_spec_pb2

        given = body["pipeline_spec"]
        pipeline = given.get("pipeline_spec", given)
        try:
            json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
        except json_format.ParseError as error:
            self.server.problems.append(str(error))
        if pipeline.get("schemaVersion") != "2.1.0":
            self.server.problems.append(f"schema version {pipeline.get('schemaVersion')}")

    def _path(self) -> str:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.server.problems.append(f"{self.path} came without the token")
        return urlparse(self.path).path.removeprefix(f"{PREFIX}/")

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[FakeApi]:
    """A server, while inside."""
    with FakeApi() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
