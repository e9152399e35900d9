"""Serves a pushed model with Triton until told to stop."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from serving import access, client, errors, recording, rollout, versions
from serving.triton import installation, model_config, process, repository

_TICK_S = 0.5
START_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes:
      model_dir: the model's folder; its name is the model's.
      host: the address to listen on.
      port: of REST; 0: free ports.
      grpc_port: None: ``port`` + 1.
      metrics_port: None: ``port`` + 2.
      rest_port: of TensorFlow Serving's REST API; None: ``port`` + 501.
      address_file: written when the server is ready, where given.
      token_file: holds the bearer token that the REST door asks for; None: it asks for none.
      limits: its capacity.
      grpc_host: the address to listen on for gRPC, which is not for strangers.
      recorder: is given a share of the REST doors' images; None: nothing is recorded.
    """

    model_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None
    metrics_port: int | None = None
    rest_port: int | None = None
    address_file: Path | None = None
    token_file: Path | None = None
    limits: model_config.Limits = field(default_factory=model_config.Limits)
    grpc_host: str = process.LOOPBACK
    recorder: recording.Recorder | None = None


def serve(settings: Settings, stop: threading.Event, report: Callable[[str], None]) -> None:
    """Serves until ``stop`` is set; then finishes the requests in flight.

    Args:
      settings: what and where.
      stop: ends serving.
      report: is told, a line at a time, of what happens.

    Raises:
      errors.UserError: no server, no version or no token is there, or a port is taken.
      errors.ServerError: the server did not start, or died.
    """
    versions.served(settings.model_dir)
    name = settings.model_dir.resolve().name
    token = access.read(settings.token_file) if settings.token_file else None
    triton = installation.find()
    where = process.addresses(
        settings.host,
        settings.port,
        settings.grpc_port,
        settings.metrics_port,
        settings.rest_port,
        # Triton's own ports know no token: nobody else's machine may reach them when one is asked for.
        process.LOOPBACK if token else settings.grpc_host,
        process.LOOPBACK if token else None,
    )
    with _working_folder(name) as root:
        folders = repository.Repository(root / "triton", name, settings.limits, triton)
        # One attempt: the next look at the folder comes in half a second anyway.
        asking = client.Client(
            where.triton,
            name,
            timeout_s=5,
            retries=client.Retries(attempts=1),
            headers={"Connection": "close"},  # the server waits for open ones when it stops
        )
        follower = rollout.Rollout(settings.model_dir, folders, asking, report)
        follower.begin()
        server = process.TritonProcess(triton, folders, where, root / "triton.log")
        try:
            if _wait_until_ready(server, follower, stop):
                # Imported here: its libraries come with the server's.
                from serving import door

                rest = door.Door(
                    name,
                    settings.model_dir,
                    where,
                    where.triton,
                    settings.limits,
                    settings.recorder,
                    token,
                )
                with rest, _announced(settings, where, name):
                    _describe(where, name, server.log_path, settings.token_file, report)
                    _describe_access(settings, token, report)
                    _run(server, follower, stop)
            report("Finishing the requests in flight …")
        finally:
            server.stop()


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set. For the main thread."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_ready(
    server: process.TritonProcess, follower: rollout.Rollout, stop: threading.Event
) -> bool:
    """Whether a version is served; not where it was told to stop before."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while follower.serving is None:
        if stop.wait(_TICK_S):
            return False
        server.check()
        if server.listening():
            try:
                follower.tick()
            except errors.ServerError as error:
                raise errors.ServerError(f"{error} The log is {server.log_path}") from error
        if time.monotonic() > deadline:
            raise errors.ServerError(
                f"The Triton server was not ready after {START_TIMEOUT_S:.0f} s; the last lines of"
                f" {server.log_path}:\n{server.tail()}"
            )
    return True


def _run(server: process.TritonProcess, follower: rollout.Rollout, stop: threading.Event) -> None:
    """Follows the model's folder, and replaces workers that die, until told to stop."""
    before: set[int] = set()
    mourned: set[int] = set()
    while not stop.wait(_TICK_S):
        server.check()
        follower.tick()
        dead = server.dead_workers()
        # One that ends in order is a zombie too, but not for long.
        if (dead & before) - mourned:
            follower.replace_workers()
            mourned |= dead
        before = dead


@contextlib.contextmanager
def _working_folder(name: str) -> Iterator[Path]:
    """A temporary folder; the log in it remains after a failure."""
    root = Path(tempfile.mkdtemp(prefix=f"serving-{name}-"))
    failed = True
    try:
        yield root
        failed = False
    except errors.UserError:
        failed = False
        raise
    finally:
        shutil.rmtree(root / "triton" if failed else root, ignore_errors=True)


@contextlib.contextmanager
def _announced(settings: Settings, where: process.Addresses, name: str) -> Iterator[None]:
    """The address file exists, whole, for as long as the server answers."""
    path = settings.address_file
    if path is None:
        yield
        return
    content = {
        "http": _reachable(where.http),
        "grpc": where.grpc,
        "metrics": where.metrics,
        "rest": _reachable(where.rest),
        "triton": where.triton,
        "model": name,
    }
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise errors.UserError(
            f"--address-file {path} cannot be written: {error.strerror}."
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _reachable(url: str) -> str:
    """A URL for this machine, where the server listens on all addresses too."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _describe(
    where: process.Addresses,
    name: str,
    log_path: Path,
    token_file: Path | None,
    report: Callable[[str], None],
) -> None:
    report(f"REST     {where.http}/v2/models/{name}")
    report(f"gRPC     {where.grpc}")
    report(f"metrics  {where.metrics}")
    report(f"TFS REST {where.rest}/v1/models/{name}")
    report(f"page     {_reachable(where.rest)}/")
    report(f"log      {log_path}")
    report("Try, with an image of yours for photo.jpg:")
    report(curl_line(_reachable(where.http), name, token_file))


def _describe_access(
    settings: Settings, token: access.Token | None, report: Callable[[str], None]
) -> None:
    if token is None:
        return
    report(
        "A token is asked for by REST and the page. gRPC and metrics know none: they listen on"
        f" {process.LOOPBACK} alone."
    )
    if token.exposed:
        path = settings.token_file
        report(f"Warning: every user of this machine can read the token; `chmod 600 {path}`.")


def curl_line(url: str, name: str, token_file: Path | None = None) -> str:
    """A command for a shell that sends photo.jpg and prints the answer as JSON.

    Args:
      url: of the server.
      name: the model's.
      token_file: holds the token that is asked for; no process list shows it.
    """
    tensor = '{"name":"image_bytes","shape":[1,1],"datatype":"BYTES","data":["%s"]}'
    body = f'{{"parameters":{{"encoding":"base64"}},"inputs":[{tensor}]}}'
    token = ""
    if token_file:
        header = """'header = "Authorization: Bearer %s"\\n'"""
        token = f' --config <(printf {header} "$(cat {shlex.quote(str(token_file))})")'
    return (
        f"printf '{body}' \"$(base64 < photo.jpg | tr -d '\\n')\""
        f" | curl -s{token} --data-binary @- {url}/v2/models/{name}/infer"
    )
