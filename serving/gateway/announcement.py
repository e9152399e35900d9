"""Announces a server's addresses: lines for people, a JSON file for programs."""

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
    """A server that is ready.

    Attributes:
      name: the model's name.
      where: the server's addresses.
      grpc: the address of gRPC: host and port, or ``unix:`` and a path.
      triton: the address of Triton's own REST API: ``unix:`` and a path.
      log_path: Triton's log.
    """

    name: str
    where: addresses.Addresses
    grpc: str
    triton: str
    log_path: Path


def require_writable(address_file: Path | None) -> None:
    """Checks that the address file can be written, before the minute of loading a model.

    Raises:
      errors.UserError: it cannot be written.
    """
    if address_file is not None:
        with _address_file_errors(address_file):
            files.require_writable(address_file)


@contextlib.contextmanager
def announced(server: Server, address_file: Path | None) -> Iterator[None]:
    """Writes the address file atomically and removes it at the end of the block.

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
    """Reports, a line at a time, the server's addresses and an example request."""
    report(f"REST     {server.where.http}/v2/models/{server.name}")
    report(f"gRPC     {server.grpc}")
    report(f"metrics  {server.where.metrics}")
    report(f"TFS REST {server.where.rest}/v1/models/{server.name}")
    report(f"page     {_reachable(server.where.rest)}/")
    report(f"log      {server.log_path}")
    report("Try it, with an image of your own as photo.jpg:")
    report(curl_line(_reachable(server.where.http), server.name, token_file))
    if token is None:
        return
    report(
        "REST and the page require the token. gRPC and metrics do not support one: gRPC is a Unix"
        f" socket that only this user can reach, and metrics listen on {addresses.LOOPBACK} only."
    )
    path = urllib.parse.unquote(server.grpc.removeprefix("unix:"))
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        report(
            f"Warning: no client can reach gRPC: its socket's path has more than"
            f" {_MAX_SOCKET_PATH_BYTES} bytes; set TMPDIR to a shorter path."
        )
    if token.exposed:
        report(f"Warning: every user of this machine can read the token; `chmod 600 {token_file}`.")


def curl_line(url: str, name: str, token_file: Path | None = None) -> str:
    """Returns a shell command that sends photo.jpg and prints the response as JSON.

    Args:
      url: the server's URL.
      name: the model's name.
      token_file: holds the token; the command shows it in no process list.
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
    """Returns a URL that this machine can reach: loopback for the unspecified address."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
