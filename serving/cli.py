"""The command line: see __main__.py for examples."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from serving import errors, files, parent, server, tables
from serving.client import client, in_process, written
from serving.gateway import access, bounds, origins
from serving.replay import recording, replay_command
from serving.triton import runtimes
from serving.versions import versions

_DEFAULT_URL = "http://127.0.0.1:8000"
_CHANGE_TIMEOUT_S = 300.0


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise errors.UserError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


def run(arguments: Sequence[str]) -> None:
    """Runs one command.

    Raises:
      errors.ServingError: the command failed.
      SystemExit: after ``--help``, with code 0.
    """
    given = _parser().parse_args(arguments)
    given.run(given)


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m serving", description="Serves pushed models.", allow_abbrev=False
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> _Parser:
        added: _Parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    _add_serve(command("serve", _serve, "serve the highest version, and follow the folder"))
    predict = command("predict", _predict, "ask a model about images")
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    source = predict.add_mutually_exclusive_group()
    source.add_argument(
        "--url", default=_DEFAULT_URL, help="server to send the images to (default: %(default)s)"
    )
    _add_model_dir(
        source, "model folder to load into this process, instead of using a server", required=False
    )
    predict.add_argument("--model", help="name of the model, if the server has several")
    predict.add_argument(
        "--output", type=Path, metavar="DIR", help="new folder for the answers: a CSV, masks, boxes"
    )
    status = command("status", _status, "show which version is served")
    status.add_argument("--url", help="running server to query as well")
    for one in (predict, status):
        _add_token_file(one)
    listing = command("versions", _versions, "list the versions")
    rollback = command("rollback", _rollback, "serve an earlier version again")
    rollback.add_argument(
        "version",
        nargs="?",
        type=int,
        help="version to serve (default: the one before the served version)",
    )
    promote = command("promote", _promote, "serve a version, withdrawn or not")
    promote.add_argument("version", type=int)
    replayed = command("replay", replay_command.run, "compare two versions on recorded images")
    replay_command.add_flags(replayed)
    prune = command("prune", _prune, "delete old versions, never the one served")
    prune.add_argument(
        "--keep", type=int, default=5, help="versions to keep (default: %(default)s)"
    )
    for one in (rollback, promote):
        one.add_argument("--url", help="running server to wait for until it has switched")
        _add_token_file(one)
    for one in (status, listing, rollback, promote, replayed, prune):
        _add_model_dir(one, "the model's folder, such as output/serving/digits", required=True)
    return parser


def _add_serve(parser: _Parser) -> None:
    add = parser.add_argument
    _add_model_dir(parser, "the model's folder, such as output/serving/digits", required=True)
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add(
        "--port",
        type=_port,
        default=8000,
        help="REST port; 0: free ports for all (default: %(default)s)",
    )
    add("--grpc-port", type=_port, help="gRPC port (default: --port + 1)")
    add(
        "--grpc-host",
        default="127.0.0.1",
        help="gRPC address, for trusted peers (default: %(default)s)",
    )
    add(
        "--allowed-hosts",
        type=origins.parse,
        default=(),
        metavar="NAMES",
        help="host names that requests may use, beside its addresses: a.example.org,b; *: all",
    )
    add("--metrics-port", type=_port, help="port of the Prometheus metrics (default: --port + 2)")
    add("--rest-port", type=_port, help="port of TensorFlow Serving's API (default: --port + 501)")
    text = "what runs the network: onnxruntime, tensorflow, or auto, the quicker one of both on this machine"
    add("--runtime", choices=runtimes.ALL, default=runtimes.AUTO, help=f"{text} (default: auto)")
    bounds.add_flags(parser, _count)
    replay_command.add_recording_flags(parser)
    add(
        "--address-file",
        type=Path,
        metavar="FILE",
        help="JSON file with the addresses, written when ready",
    )
    add("--parent", type=_count, metavar="PID", help="stop when this parent process ends")
    text = "file with the bearer token that all APIs at the gateway and the page then require"
    add("--token-file", type=Path, metavar="FILE", help=text)


def _add_model_dir(parser: argparse._ActionsContainer, text: str, required: bool) -> None:
    parser.add_argument("--model-dir", type=Path, metavar="DIR", required=required, help=text)


def _add_token_file(parser: argparse.ArgumentParser) -> None:
    text = "file with the bearer token that the server at --url requires"
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=text)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a port; allowed are 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _serve(given: argparse.Namespace) -> None:
    settings = server.Settings(
        given.model_dir,
        given.host,
        given.port,
        given.grpc_port,
        given.metrics_port,
        given.rest_port,
        given.address_file,
        given.token_file,
        bounds.from_flags(given),
        given.grpc_host,
        recorder=replay_command.recorder(given, _print),
        allowed_hosts=given.allowed_hosts,
        runtime=given.runtime,
    )
    with server.stopping_on_signals() as stop, parent.watched(given.parent, stop):
        server.serve(settings, stop, _print)


def _predict(given: argparse.Namespace) -> None:
    images, labels = _read(given.images), list[str]()
    if given.output is not None:
        written.check(given.output)
    if given.model_dir is not None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
        model = in_process.served(given.model_dir)
        found = model.predict_all(images)
        if given.output is not None:
            labels = model.labels()
    else:
        with _asking(given, given.model) as asked:
            found = asked.predict(images)
            if given.output is not None:
                labels = [str(name) for name in asked.contract().get("labels", ())]
    tables.predictions(given.images, found)
    if given.output is not None:
        made = written.write(given.output, given.images, found, labels)
        _print(f"Written: {', '.join(str(path) for path in made)}")


def _asking(given: argparse.Namespace, model: str | None) -> client.Client:
    headers = access.read(given.token_file).headers() if given.token_file else None
    return client.Client(given.url, model, headers=headers)


def _read(paths: Sequence[Path]) -> list[bytes]:
    contents, problems = [], []
    for path in paths:
        try:
            contents.append(files.read(path, recording.MAX_IMAGE_BYTES))
        except OSError as error:
            problems.append(f"{path} cannot be read: {error.strerror}.")
    if problems:
        raise errors.UserError(" ".join(problems))
    return contents


def _status(given: argparse.Namespace) -> None:
    current = versions.served(given.model_dir)
    known = versions.listed(given.model_dir)
    withdrawn = sum(version.withdrawn for version in known)
    _print(f"{given.model_dir}: version {current.number} is served.")
    _print(f"{len(known)} versions in all, {withdrawn} withdrawn.")
    if given.url:
        with _asking(given, versions.model_name(given.model_dir)) as asked:
            ready = [str(one["version"]) for one in asked.index() if _is_ready(one, asked.model)]
        _print(f"{given.url}: version {', '.join(ready) or 'none'} answers.")


def _versions(given: argparse.Namespace) -> None:
    known = versions.listed(given.model_dir)
    visible = [one.number for one in known if one.whole and not one.withdrawn]
    tables.listing(known, max(visible, default=None))


def _rollback(given: argparse.Namespace) -> None:
    _changed(given, versions.rollback(given.model_dir, given.version))


def _promote(given: argparse.Namespace) -> None:
    _changed(given, versions.promote(given.model_dir, given.version))


def _changed(given: argparse.Namespace, version: versions.Version) -> None:
    _print(f"{given.model_dir}: version {version.number} is served; running servers follow.")
    if given.url:
        with _asking(given, versions.model_name(given.model_dir)) as asked:
            _await(asked, version.number)
        _print(f"{given.url}: version {version.number} answers.")


def _await(asked: client.Client, number: int) -> None:
    """Waits until a server serves the version and no other."""
    deadline = time.monotonic() + _CHANGE_TIMEOUT_S
    while True:
        ready = [one["version"] for one in asked.index() if _is_ready(one, asked.model)]
        if ready == [str(number)]:
            return
        if time.monotonic() > deadline:
            raise errors.ServingError(
                f"{asked.url} still serves version {', '.join(ready) or 'none'} after"
                f" {_CHANGE_TIMEOUT_S:.0f} s; see its log for the reason."
            )
        time.sleep(0.5)


def _is_ready(entry: dict[str, Any], model: str) -> bool:
    return entry["name"] == model and entry.get("state") == "READY"


def _prune(given: argparse.Namespace) -> None:
    deleted = versions.prune(given.model_dir, given.keep)
    numbers = ", ".join(str(version.number) for version in deleted)
    _print(f"Deleted: {numbers}." if deleted else "Nothing to delete.")
