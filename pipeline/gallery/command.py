"""Adds images to the gallery of the model in serving, without a training; exports it as an index of faiss.

    python -m pipeline.gallery add DIR --output-dir output --model NAME
    python -m pipeline.gallery index TARGET

``add`` makes a new version with the larger gallery, compares it with the trained network and a running server as the
release gate does, and pushes it. DIR holds a folder for each class, or images without a class; it is only
read. The next run makes its gallery of the data folder: put the images there too if they shall stay. ``index``
writes the gallery in serving into a new folder, for a service of one's own, see index.py. Exit
codes: 0 pushed, or nothing was new; 2 an argument or a model cannot be used; 75 a run uses the output folder;
1 any other failure.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from data import command_line, errors, formats
from data.images import refusals
from pipeline import output_folder
from pipeline.gallery import adding, index
from pipeline.history import mlmd
from pipeline.run import lock, terminal
from serving import served_version

RUN_ID = "gallery"
_TRAINER, _MODEL = "Trainer", "Model"
_SAVED_MODEL = "Format-Serving"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments

    def run() -> int:
        parsed = parser().parse_args(given)
        output = output_folder.OutputFolder(_there(parsed.output_dir))
        if parsed.command == "index":  # it only reads what is in serving
            export(parsed.target, output, parsed.model)
            return 0
        with lock.held(output.root, RUN_ID):
            add(parsed.folder, output, parsed.model)
        return 0

    return terminal.exit_code(run)


def parser() -> command_line.Parser:
    """Returns the parser of the command line."""
    root = command_line.Parser(
        prog="python -m pipeline.gallery",
        description="Adds images to the gallery of the model in serving, or exports it.",
        allow_abbrev=False,
    )
    commands = root.add_subparsers(metavar="COMMAND", dest="command", required=True)
    text = "add the images of a folder, as a new version"
    added = commands.add_parser("add", help=text, description=text, allow_abbrev=False)
    added.add_argument(
        "folder", type=Path, metavar="DIR", help="images, in a folder for each class"
    )
    _of_output(added)
    text = "write the gallery as an index of faiss, for a service of your own"
    exported = commands.add_parser("index", help=text, description=text, allow_abbrev=False)
    exported.add_argument("target", type=Path, metavar="TARGET", help="a new folder")
    _of_output(exported)
    return root


def _of_output(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--output-dir",
        type=Path,
        default=Path("output"),
        metavar="DIR",
        help="output folder of the runs; default: output",
    )
    added.add_argument(
        "--model", metavar="NAME", help="the model; default: the only one in serving"
    )


def add(folder: Path, output: output_folder.OutputFolder, name: str | None) -> None:
    """Adds images, and pushes the version that has them.

    Raises:
      errors.PipelineError: something cannot be used, or the version is not that of the trained network.
    """
    from components.pusher import push
    from components.release_gate import config as gate_config

    if not folder.is_dir():
        raise errors.UserError(f"DIR is {folder}, which is no folder.")
    version = _version(output, name)
    contract, gallery = adding.read(version)
    keras_file = _trained(output.root, contract["gallery"]["made_by"])
    new, told = adding.embedded(version, folder, gallery, os.cpu_count() or 1)
    _tell(told)
    if not told.added:
        _say(f"Nothing is new: version {version.name} stays.")
        return
    whole = gallery.joined(new)
    with tempfile.TemporaryDirectory() as scratch:
        candidate = Path(scratch) / "version"
        adding.write(version, candidate, whole)
        tolerance = gate_config.GateConfig().max_cosine_difference
        for line in adding.checked(keras_file, candidate, tolerance, ask_server=True):
            _say(line)
        outcome = push.push(candidate, version.parent)
    _say(
        f"{outcome.sentence} Its gallery has {formats.plural(len(whole), 'image')}: {outcome.path}"
    )
    _say(
        "The next run makes its gallery of the data folder: put the images there too if they shall stay."
    )


def export(target: Path, output: output_folder.OutputFolder, name: str | None) -> None:
    """Writes the gallery in serving as an index.

    Raises:
      errors.PipelineError: see :func:`index.write`; or no version can be used.
    """
    version = _version(output, name)
    told = index.write(version, target)
    _say(
        f"{formats.plural(told.images, 'image')} of version {version.name}: {target / index.INDEX}"
    )
    _say(told.sentence())


def _version(output: output_folder.OutputFolder, name: str | None) -> Path:
    serving_dir = _serving(output, name)
    number = served_version.served(serving_dir)
    if number is None:
        raise errors.UserError(f"{serving_dir} holds no complete version.")
    return serving_dir / str(number)


def _there(output_dir: Path) -> Path:
    if not output_dir.is_dir():
        raise errors.UserError(f"--output-dir is {output_dir}, which is no folder.")
    return output_dir


def _serving(output: output_folder.OutputFolder, name: str | None) -> Path:
    """Returns the folder of versions of a model, or of the only one."""
    if name is not None:
        return output.serving(name)
    folder = output.serving("any").parent
    known = sorted(one.name for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    if len(known) != 1:
        there = ", ".join(known) or "none"
        raise errors.UserError(
            f"Models in serving in {output.root}: {there}. Name one with --model."
        )
    return output.serving(known[0])


def _trained(output_dir: Path, made_by: str) -> Path:
    """Finds the network that made a gallery, among the models that were trained here."""
    from components.trainer import contract as trained_contract
    from components.trainer.network import keras_archive

    past = mlmd.read(output_dir)
    for step in reversed(past.steps):
        if step.name != _TRAINER:
            continue
        for one in (past.artifacts[number] for number in step.outputs):
            saved_model = Path(one.uri) / _SAVED_MODEL
            keras_file = Path(one.uri) / keras_archive.FILE
            if one.type_name != _MODEL or not (saved_model.is_dir() and keras_file.is_file()):
                continue
            try:
                stated = trained_contract.read(saved_model).get("gallery")
            except errors.PipelineError:
                continue
            if isinstance(stated, dict) and stated.get("made_by") == made_by:
                return keras_file
    raise errors.UserError(
        f"The network {made_by[:12]}, which made the gallery in serving, was not trained in {output_dir}, or"
        " has been deleted there: the version cannot be compared with it. Run the pipeline again."
    )


def _tell(told: adding.Added) -> None:
    _say(
        f"{formats.plural(told.added, 'new image')}, {formats.plural(told.copies, 'copy', 'copies')} of"
        f" known ones by content, {formats.plural(sum(told.bad.values()), 'file')} that cannot be used."
    )
    for reason, count in told.bad.most_common():
        _say(
            f"  {count:,} {reason}: {refusals.REASONS.get(reason, 'the network gives it no vector')}"
        )
    if told.unlabelled:
        _say(
            f"  {told.unlabelled:,} of the new ones lie in no folder of a class of the model: no label"
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
