"""Serves a pushed model with Triton until it is stopped."""

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from serving import errors, working_folder
from serving.client import client, transport
from serving.gateway import access, addresses, announcement, bounds, descriptors, origins
from serving.replay import recording
from serving.triton import installation, process, repository, runtimes
from serving.versions import rollout, versions

_TICK_S = 0.5
START_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    Attributes:
      model_dir: the model's folder; its name is the model's.
      host: the address to listen on.
      port: the REST port; 0: free ports.
      grpc_port: the gRPC port; None: ``port`` + 1. With a token gRPC is a Unix socket instead.
      metrics_port: the port of the metrics; None: ``port`` + 2.
      rest_port: the port of TensorFlow Serving's REST API; None: ``port`` + 501.
      address_file: written when the server is ready; None: not written.
      token_file: contains the bearer token that the gateway requires; None: it requires none.
      limits: the capacity and the bounds of a request.
      grpc_host: the address to listen on for gRPC, for trusted peers only.
      recorder: records a fraction of the gateway's images; None: nothing is recorded.
      allowed_hosts: host names of the server beside its addresses: see ``origins.Hosts``.
      runtime: what runs the network, one of ``runtimes.ALL``.
    """

    model_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None
    metrics_port: int | None = None
    rest_port: int | None = None
    address_file: Path | None = None
    token_file: Path | None = None
    limits: bounds.Limits = field(default_factory=bounds.Limits)
    grpc_host: str = addresses.LOOPBACK
    recorder: recording.Recorder | None = None
    allowed_hosts: tuple[str, ...] = ()
    runtime: str = runtimes.AUTO


def serve(settings: Settings, stop: threading.Event, report: Callable[[str], None]) -> None:
    """Serves until ``stop`` is set; then finishes the requests in flight.

    Args:
      settings: the server's settings.
      stop: stops serving when set.
      report: receives one line for each event.

    Raises:
      errors.UserError: there is no Triton, no version or no token, or a port is in use.
      errors.ServerError: the server did not start, or died.
    """
    name = versions.model_name(settings.model_dir)
    versions.served(settings.model_dir)
    limits, fewer = descriptors.reserve(settings.limits)
    if fewer:
        report(f"Warning: {fewer}")
    settings = dataclasses.replace(settings, limits=limits)
    token = access.read(settings.token_file) if settings.token_file else None
    triton = installation.find()
    announcement.require_writable(settings.address_file)
    with (
        addresses.held(_wanted(settings, token)) as where,
        working_folder.made() as root,
        working_folder.short(root) as short,
    ):
        rest_socket = str(short / process.REST_SOCKET)
        folders = _repository(root, name, settings, triton)
        follower = rollout.Rollout(settings.model_dir, folders, _asking(name, rest_socket), report)
        follower.begin()
        server = process.TritonProcess(triton, folders, where, root)
        try:
            with _gateway(settings, name, token, where, rest_socket, server, follower):
                if _wait_until_ready(server, follower, stop, report):
                    itself = announcement.Server(
                        name,
                        where,
                        process.grpc_address(where, root),
                        f"unix:{root / process.REST_SOCKET}",
                        server.log_path,
                    )
                    with announcement.announced(itself, settings.address_file):
                        announcement.describe(itself, settings.token_file, token, report)
                        _run(server, follower, stop, report)
                report("Finishing the requests in flight …")
        finally:
            server.stop()


def _repository(
    root: Path, name: str, settings: Settings, triton: installation.Installation
) -> repository.Repository:
    folder = root / working_folder.REPOSITORY
    try:
        return repository.Repository(folder, name, settings.limits, triton, settings.runtime)
    except OSError as error:
        raise working_folder.unusable(root, error) from error


def _wanted(settings: Settings, token: access.Token | None) -> addresses.Wanted:
    """Returns the requested addresses; with a token, Triton's own ports stay on this machine."""
    return addresses.Wanted(
        settings.host,
        settings.port,
        settings.grpc_port,
        settings.metrics_port,
        settings.rest_port,
        None if token else settings.grpc_host,
        addresses.LOOPBACK if token else None,
    )


def _asking(name: str, rest_socket: str) -> client.Client:
    # One attempt: the folder is checked again in half a second anyway.
    return client.Client(
        "http://triton",
        name,
        timeout_s=5,
        retries=client.Retries(attempts=1),
        headers={"Connection": "close"},  # Triton waits for open connections when it stops
        send=transport.HttpTransport(rest_socket),
    )


def _gateway(
    settings: Settings,
    name: str,
    token: access.Token | None,
    where: addresses.Addresses,
    rest_socket: str,
    server: process.TritonProcess,
    follower: rollout.Rollout,
) -> contextlib.AbstractContextManager[object]:
    # Imported here: its libraries are installed with the server's.
    from serving.gateway import application

    def given_up(instance: str, asked_s: float) -> None:
        # A worker that was loaded in the meantime has the same name, and is healthy.
        if follower.loaded_before(asked_s):
            server.end_worker(instance)

    return application.Gateway(
        name,
        settings.model_dir,
        where.listeners,
        rest_socket,
        origins.Hosts(settings.host, settings.allowed_hosts),
        settings.limits,
        given_up,
        settings.recorder,
        token,
    )


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Yields an event that SIGTERM and Ctrl-C set; for the main thread only."""
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
    server: process.TritonProcess,
    follower: rollout.Rollout,
    stop: threading.Event,
    report: Callable[[str], None],
) -> bool:
    """Waits until a version is served; returns false if the server was stopped before."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while follower.serving is None:
        if stop.wait(_TICK_S):
            return False
        server.check()
        _close_shared_memory(server, report)
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


def _run(
    server: process.TritonProcess,
    follower: rollout.Rollout,
    stop: threading.Event,
    report: Callable[[str], None],
) -> None:
    """Follows the model's folder and replaces dead workers, until stopped."""
    before: set[int] = set()
    mourned: set[int] = set()
    while not stop.wait(_TICK_S):
        server.check()
        _close_shared_memory(server, report)
        follower.tick()
        server.end_frozen_workers()
        dead = server.dead_workers()
        # A worker that exits normally is a zombie too, but only briefly.
        if (dead & before) - mourned:
            follower.replace_workers()
            mourned |= dead
        before = dead


def _close_shared_memory(server: process.TritonProcess, report: Callable[[str], None]) -> None:
    if server.close_shared_memory():
        report(
            "Warning: until now every user of this machine could read the images of requests: this"
            " system does not support the seccomp filter."
        )
