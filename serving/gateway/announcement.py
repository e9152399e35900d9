"""What a server says of itself: where it answers, to people and to programs."""

import contextlib
import json
import os
import shlex
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from serving import errors, files
from serving.gateway import access, addresses

# Source: unix(7), sun_path.
_MAX_SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
      name: the model's.
      where: its addresses.
      grpc: gRPC's, host and port or ``unix:`` and a path.
      triton: Triton's own REST, ``unix:`` and a path.
      log_path: what Triton says.
    """

    name: str
    where: addresses.Addresses
    grpc: str
    triton: str
    log_path: Path


def require_writable(address_file: Path | None) -> None:
    """Checks the address file before a model is loaded for a minute.

    Raises:
      errors.UserError: it cannot be written.
    """
    if address_file is not None:
        with _address_file_errors(address_file):
            files.require_writable(address_file)


@contextlib.contextmanager
def announced(server: Server, address_file: Path | None) -> Iterator[None]:
    """The address file exists, whole, for as long as the server answers.

    Raises:
      errors.UserError: it cannot be written.
    """
    if address_file is None:
        yield
        return
    content = {
        "http": _reachable(server.where.http),
        "grpc": server.grpc,
        "metrics": server.where.metrics,
        "rest": _reachable(server.where.rest),
        "triton": server.triton,
        "model": server.name,
    }
    with _address_file_errors(address_file):
        files.write_whole(address_file, json.dumps(content) + "\n")
    try:
        yield
    finally:
        address_file.unlink(missing_ok=True)


def describe(
    server: Server,
    token_file: Path | None,
    token: access.Token | None,
    report: Callable[[str], None],
) -> None:
    """Reports, a line at a time, where the server answers and how it is asked."""
    report(f"REST     {server.where.http}/v2/models/{server.name}")
    report(f"gRPC     {server.grpc}")
    report(f"metrics  {server.where.metrics}")
    report(f"TFS REST {server.where.rest}/v1/models/{server.name}")
    report(f"page     {_reachable(server.where.rest)}/")
    report(f"log      {server.log_path}")
    report("Try, with an image of yours for photo.jpg:")
    report(curl_line(_reachable(server.where.http), server.name, token_file))
    if token is None:
        return
    report(
        "A token is asked for by REST and the page. gRPC and metrics know none: gRPC is a Unix socket"
        f" that this user alone reaches, metrics listen on {addresses.LOOPBACK} alone."
    )
    path = urllib.parse.unquote(server.grpc.removeprefix("unix:"))
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        report(
            f"Warning: no client reaches gRPC, for its path has more than {_MAX_SOCKET_PATH_BYTES}"
            " bytes; TMPDIR names a shorter place."
        )
    if token.exposed:
        report(f"Warning: every user of this machine can read the token; `chmod 600 {token_file}`.")


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


@contextlib.contextmanager
def _address_file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.UserError(
            f"--address-file {path} cannot be written: {error.strerror}."
        ) from error


def _reachable(url: str) -> str:
    """A URL for this machine, where the server listens on all addresses too."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
