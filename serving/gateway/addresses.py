"""Where a server listens, and the ports that it holds before anything is loaded.

The doors' sockets listen at once: what comes before a model is loaded is answered with 503. Triton
opens its own ports itself, after it has loaded; until then they are held here, so that no program
that asks for a free port is given one of them.
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
    """Addresses that are asked for.

    Attributes:
      host: the address that the doors listen on.
      http: the REST port; 0: a free one.
      grpc: likewise; None: the one after ``http``, or a free one.
      metrics: likewise; None: the second after ``http``, or a free one.
      rest: likewise; None: 501 after ``http``, such as TensorFlow Serving's 8501.
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
    """Addresses that a server has.

    Attributes:
      host: of the doors.
      grpc_host: None: gRPC is a Unix socket.
      metrics_host: of Prometheus' metrics.
      doors: the listening sockets of REST and of TensorFlow Serving's REST.
      grpc_port: 0 where gRPC is a Unix socket.
      metrics_port: Triton's own, too.
    """

    host: str
    grpc_host: str | None
    metrics_host: str
    doors: tuple[socket.socket, socket.socket]
    grpc_port: int
    metrics_port: int

    @property
    def http(self) -> str:
        """REST: the URL."""
        return f"http://{bracketed(self.host)}:{_port(self.doors[0])}"

    @property
    def rest(self) -> str:
        """TensorFlow Serving's REST: the URL."""
        return f"http://{bracketed(self.host)}:{_port(self.doors[1])}"

    @property
    def metrics(self) -> str:
        """Prometheus: the URL."""
        return f"http://{bracketed(self.metrics_host)}:{self.metrics_port}/metrics"


@contextlib.contextmanager
def held(wanted: Wanted) -> Iterator[Addresses]:
    """Chooses ports, and holds them until the end of the block.

    Raises:
      errors.UserError: a port is taken, wanted twice or not allowed, or the host is none of this
        machine's.
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
        # Ports that are named come first: a free one could be one of them.
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
    """The port that is asked for, or the one so far behind the first; 0: a free one."""
    if port is not None:
        return port
    return first and first + offset


def _require_distinct(ports: dict[str, int]) -> None:
    """Compares the ports, whatever their hosts are: 0.0.0.0 and 127.0.0.1 meet on one."""
    for port in sorted(set(ports.values())):
        flags = [flag for flag, other in ports.items() if other == port]
        if len(flags) > 1:
            raise errors.UserError(
                f"Port {port} is wanted for {' and '.join(flags)}. The defaults are --port + 1 for"
                " --grpc-port, + 2 for --metrics-port and + 501 for --rest-port; name others, or"
                " take --port 0 for free ones."
            )


def _bound(host: str, port: int, flag: str) -> socket.socket:
    """A socket at an address; a door's listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    try:
        # Without it a server that was just stopped keeps its port for a minute.
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
    """Returns a host as it stands before a port."""
    return f"[{host}]" if ":" in host else host
