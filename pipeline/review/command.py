"""Reviews the labels of the images that the last run ingested.

    python -m pipeline.review                       a page of what is doubtful
    python -m pipeline.review --unlabelled DIR      and of what to label next
    python -m pipeline.review export labels.csv     all images with their labels now, as a manifest
    python -m pipeline.review import labels.csv     decisions from a manifest that was edited

Each takes --output-dir, output by default. Decisions go to ``corrections/`` in it, never into the data
folder; the next run applies them. Exit codes: 0 done; 2 an argument or a file cannot be used.
"""

import argparse
import asyncio
import contextlib
import functools
import getpass
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data import command_line, errors, formats
from data.corrections import decisions
from pipeline.review import manifest, project
from pipeline.run import terminal

if TYPE_CHECKING:
    from pipeline.review import server

_LOOPBACK = "127.0.0.1"
_MOST_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments

    def run() -> int:
        parsed = parser().parse_args(given)
        parsed.run(parsed)
        return 0

    return terminal.exit_code(run)


def parser() -> command_line.Parser:
    """Returns the parser of the command line."""
    root = command_line.Parser(
        prog="python -m pipeline.review",
        description="Reviews the labels of the images that the last run ingested.",
        allow_abbrev=False,
    )
    root.set_defaults(run=_serve)
    _of_all(root, Path("output"), None)
    root.add_argument("--by", default=_user(), help="who decides; default: the name of the user")
    root.add_argument("--port", type=int, default=0, help="port of the page; default: a free one")
    root.add_argument(
        "--unlabelled", type=Path, metavar="DIR", help="folder of images to label next"
    )
    root.add_argument(
        "--count", type=int, default=100, help="how many of them to choose; default: 100"
    )
    commands = root.add_subparsers(metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        # SUPPRESS: the flags are accepted before and after the command.
        _of_all(added, argparse.SUPPRESS, argparse.SUPPRESS)
        return added

    added = command("export", _export, "write all images with their labels now as a manifest")
    added.add_argument("file", type=Path, metavar="FILE", help="a .csv or .jsonl file to write")
    added.add_argument(
        "--new", action="store_true", help="the labels that unlabelled images got, and these alone"
    )
    added = command("import", _import, "add the decisions in which a manifest differs")
    added.add_argument("file", type=Path, metavar="FILE", help="a manifest of any format")
    added.add_argument("--by", default=argparse.SUPPRESS, help="who decided")
    added.add_argument(
        "--separator", default="auto", help="text between several labels in a cell, or none"
    )
    added.add_argument(
        "--drop-missing", action="store_true", help="drop images that the manifest does not name"
    )
    added.add_argument(
        "--new-classes", action="store_true", help="accept classes that no image has yet"
    )
    return root


def _of_all(one: argparse.ArgumentParser, output_dir: object, model: object) -> None:
    one.add_argument(
        "--output-dir",
        type=Path,
        default=output_dir,
        metavar="DIR",
        help="output folder of the runs; default: output",
    )
    one.add_argument(
        "--model", default=model, metavar="NAME", help="the model; default: that of the last run"
    )


def _serve(given: argparse.Namespace) -> None:
    if not 0 <= given.port <= _MOST_PORT or given.count < 1:
        raise errors.ConfigError(
            f"--port is {given.port}, --count {given.count}; allowed are 0 to {_MOST_PORT} and 1 or more."
        )
    try:
        from pipeline.review import server
    except ModuleNotFoundError as error:
        raise errors.UserError(
            f"The page needs the extra serve ({error.name} is missing): pip install -e '.[serve]'."
        ) from error
    from pipeline.review import preparing

    with _bound(given.port) as listening:
        found = project.Project.of(given.output_dir, given.model)
        ready = preparing.prepare(found, given.by, _say, given.unlabelled, given.count)
        told = functools.partial(_ready, found)
        served = server.Server(ready.session, ready.model, annotations=ready.annotations)
        asyncio.run(_until_interrupted(served, listening, told))


async def _until_interrupted(
    served: "server.Server", listening: socket.socket, told: Callable[[str], None]
) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  this coroutine runs in one
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await served.serve(listening, told)


def _ready(found: project.Project, link: str) -> None:
    _say(f"Review of {found.name}: {link}")
    _say(f"Decisions: {found.log.path}; the next run applies them. Ctrl-C ends the review.")


@contextlib.contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((_LOOPBACK, port))
        except OSError as error:
            raise errors.UserError(
                f"Cannot listen on port {port} ({error.strerror}); choose another with --port."
            ) from error
        yield made


def _export(given: argparse.Namespace) -> None:
    found = project.Project.of(given.output_dir, given.model)
    if given.new:
        count = manifest.export_new(found, given.file)
        _say(
            f"{formats.plural(count, 'new label')} in {given.file}, relative to the images' folder."
        )
        return
    done = manifest.export(found, given.file)
    _say(
        f"{formats.plural(done.images, 'image')} in {given.file}, {done.changed:,} with corrected labels;"
        f" {done.dropped:,} dropped."
    )
    more = " --labels.separator none" if done.needs_separator else ""
    _say(f"To train on it: --data-dir {found.data_dir} --labels.file {given.file}{more}")


def _import(given: argparse.Namespace) -> None:
    found = project.Project.of(given.output_dir, given.model)
    done = manifest.read(
        found, given.file, given.by, given.separator, given.drop_missing, given.new_classes
    )
    _say(
        f"{done.relabelled:,} relabelled, {done.dropped:,} dropped, {done.kept:,} as they were:"
        f" {found.log.path}"
    )
    if done.unknown:
        _say(
            f"{formats.plural(done.unknown, 'image')} of the manifest are not among the ingested ones and"
            " were passed over."
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _user() -> str:
    try:
        return getpass.getuser()[: decisions.MAX_WORDS]
    except (KeyError, OSError):  # a container without an entry for the user
        return "unknown"
