"""A server's addresses, and the ports that it reserves before a model is loaded.

The gateway's sockets listen at once: requests that arrive before a model is loaded get 503. Triton
opens its own ports after it has loaded; until then they are reserved here, so that the kernel gives
them to no other program that requests a free port.
"""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from serving import errors

LOOPBACK = "127.0.0.1"
_BACKLOG = 128


@dataclass(frozen=True)
class Wanted:
    """Requested addresses.

    Attributes:
      host: the address that the gateway listens on.
      http: the port of the Open Inference Protocol; 0: a free one.
      grpc: the gRPC port; None: the one after ``http``, or a free one.
      metrics: the port of the metrics; None: the second after ``http``, or a free one.
      rest: the port of TensorFlow Serving's REST API; None: ``http`` + 501, such as 8501.
      grpc_host: the address to listen on for gRPC; None: a Unix socket instead.
      metrics_host: the address to listen on for metrics; None: ``host``.
    """

    host: str
    http: int
    grpc: int | None = None
    metrics: int | None = None
    rest: int | None = None
    grpc_host: str | None = LOOPBACK
    metrics_host: str | None = None


@dataclass(frozen=True)
class Addresses:
    """The addresses of a running server.

    Attributes:
      host: the gateway's.
      grpc_host: None: gRPC is a Unix socket.
      metrics_host: the Prometheus metrics'.
      listeners: the gateway's listening sockets: Open Inference Protocol, TensorFlow Serving's REST.
      grpc_port: 0 where gRPC is a Unix socket.
      metrics_port: of Triton's metrics.
    """

    host: str
    grpc_host: str | None
    metrics_host: str
    listeners: tuple[socket.socket, socket.socket]
    grpc_port: int
    metrics_port: int

    @property
    def http(self) -> str:
        """Returns the URL of the Open Inference Protocol's REST API."""
        return f"http://{bracketed(self.host)}:{_port(self.listeners[0])}"

    @property
    def rest(self) -> str:
        """Returns the URL of TensorFlow Serving's REST API."""
        return f"http://{bracketed(self.host)}:{_port(self.listeners[1])}"

    @property
    def metrics(self) -> str:
        """Returns the URL of the Prometheus metrics."""
        return f"http://{bracketed(self.metrics_host)}:{self.metrics_port}/metrics"


@contextlib.contextmanager
def held(wanted: Wanted) -> Iterator[Addresses]:
    """Chooses ports and reserves them until the end of the block.

    Raises:
      errors.UserError: a port is in use, requested twice or not allowed, or the host is not an
        address of this machine.
    """
    first, around = wanted.http, wanted.metrics_host or wanted.host
    ports = {
        "--port": (wanted.host, first),
        "--grpc-port": (wanted.grpc_host, _beside(wanted.grpc, first, 1)),
        "--metrics-port": (around, _beside(wanted.metrics, first, 2)),
        "--rest-port": (wanted.host, _beside(wanted.rest, first, 501)),
    }
    here = {flag: (host, port) for flag, (host, port) in ports.items() if host is not None}
    _require_distinct({flag: port for flag, (_, port) in here.items() if port})
    with contextlib.ExitStack() as stack:
        bound: dict[str, socket.socket] = {}
        # Explicit ports are bound first: the kernel could pick one of them as a free port.
        for flag, (host, port) in sorted(here.items(), key=lambda item: item[1][1] == 0):
            bound[flag] = stack.enter_context(_bound(host, port, flag))
        yield Addresses(
            wanted.host,
            wanted.grpc_host,
            around,
            (bound["--port"], bound["--rest-port"]),
            _port(bound["--grpc-port"]) if "--grpc-port" in bound else 0,
            _port(bound["--metrics-port"]),
        )


def _beside(port: int | None, first: int, offset: int) -> int:
    """Returns the requested port, or the first port plus an offset; 0: a free one."""
    if port is not None:
        return port
    return first and first + offset


def _require_distinct(ports: dict[str, int]) -> None:
    """Checks that no port is used twice, on any host: 0.0.0.0 and 127.0.0.1 share their ports."""
    for port in sorted(set(ports.values())):
        flags = [flag for flag, other in ports.items() if other == port]
        if len(flags) > 1:
            raise errors.UserError(
                f"Port {port} is requested for {' and '.join(flags)}. The defaults are --port + 1 for"
                " --grpc-port, + 2 for --metrics-port and + 501 for --rest-port; name others, or"
                " take --port 0 for free ones."
            )


def _bound(host: str, port: int, flag: str) -> socket.socket:
    """Returns a socket bound to an address; the gateway's sockets also listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    try:
        # Otherwise the port of a server that was just stopped stays in use for a minute.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        if flag in ("--port", "--rest-port"):
            made.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise errors.UserError(
            f"Cannot listen on {host}, port {port} ({reason}); choose another with {flag},"
            " or --port 0 for free ones."
        ) from error
    return made


def _port(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


def bracketed(host: str) -> str:
    """Returns a host as it is written before a port: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
