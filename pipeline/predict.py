"""Predicts with a pushed model on any files: ``python -m pipeline.predict``.

    python -m pipeline.predict --model-dir output/serving/digits photos --output answers.csv
    python -m pipeline.predict --model-dir output/serving/digits/1795511127 1.jpg 2.jpg \
        --output answers.jsonl
    python -m pipeline.predict … --output answers.parquet --beam.engine local-workers
    python -m pipeline.predict … --output answers.json --draw drawn      # of a detector: as COCO has it

If it is killed, the same command resumes; until the end, answers are in a folder
``<output>.parts`` beside the output. Exit codes: 0, also if some files are not images; 2 for a
usage error; 130 after Ctrl-C; 1 for any other failure.
"""

import contextlib
import os
import shutil
import sys
import typing
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic
from rich.console import Console

from components.predict.user_files import listing
from data import command_line, errors, formats, long_lived, progress, tensorflow_environment
from data.images import refusals
from pipeline.beam import beam_config
from pipeline.run import step_table, terminal
from serving import served_version
from tasks import task

if typing.TYPE_CHECKING:
    from components.predict import exported_model

STEP = "Predict"


@dataclass(frozen=True)
class Command:
    """The request of a command line.

    Attributes:
      model_dir: the folder with saved_model.pb.
      places: folders and files.
      output: the file to write.
      beam: the Beam engine.
      draw: the folder of images with their answers drawn; None: none are.
    """

    model_dir: Path
    places: list[Path]
    output: Path
    beam: beam_config.BeamConfig
    draw: Path | None = None

    @property
    def parts(self) -> Path:
        """Returns the folder of the answers until all are there."""
        return self.output.with_name(f"{self.output.name}.parts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Predicts on files; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    interrupted = "Interrupted; the same command continues from here."
    return terminal.exit_code(lambda: run(parse(given)), interrupted)


def parse(arguments: Sequence[str]) -> Command:
    """Reads the command line.

    Raises:
      errors.ConfigError: with every problem found.
      errors.UserError: the model does not exist.
      SystemExit: after ``--help``, with code 0.
    """
    parser = command_line.Parser(
        prog="python -m pipeline.predict",
        description="Predicts with a pushed model on files, and on all files below folders.",
        allow_abbrev=False,
    )
    parser.add_argument("places", nargs="+", type=Path, metavar="DIR_OR_FILE")
    parser.add_argument(
        "--model-dir",
        type=Path,
        required=True,
        help="folder of a version, or of all versions: then the one in serving",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="a .csv, .jsonl or .parquet file to write, or for boxes a .json file as COCO has it",
    )
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="DIR",
        help="where to put copies of the images with their boxes",
    )
    fields = beam_config.BeamConfig.model_fields
    engines = typing.get_args(beam_config.Engine)
    parser.add_argument(
        "--beam.engine", default="local", metavar="ENGINE", help=f"one of {', '.join(engines)}"
    )
    parser.add_argument(
        "--beam.workers", default="0", metavar="N", help=fields["workers"].description
    )
    parser.add_argument(
        "--beam.option",
        action="append",
        default=[],
        metavar="--NAME=VALUE",
        help="one of Beam's own arguments; can be repeated",
    )
    given = vars(parser.parse_args(list(arguments)))
    return Command(
        resolve(given["model_dir"]),
        given["places"],
        given["output"],
        _beam(given["beam.engine"], given["beam.workers"], given["beam.option"]),
        given["draw"],
    )


def resolve(model_dir: Path) -> Path:
    """Returns the folder of the SavedModel: the given one, or the version in serving below it.

    Raises:
      errors.UserError: there is no SavedModel.
    """
    if (model_dir / served_version.SAVED_MODEL_FILE).is_file():
        return model_dir
    version = served_version.served(model_dir)
    if version is None:
        raise errors.UserError(
            f"--model-dir is {model_dir}; it holds neither a {served_version.SAVED_MODEL_FILE} nor a"
            " complete version. A pushed model lies in output/serving/<name>."
        )
    return model_dir / str(version)


def run(command: Command, console: Console | None = None) -> int:
    """Predicts on the files without an answer, and writes the output.

    Raises:
      errors.PipelineError: the prediction failed; the message states why.
    """
    # TensorFlow's output on import is of no use to the user, and importing it takes seconds: a
    # mistake on the command line is reported before that.
    os.environ.update(tensorflow_environment.defaults("3"))
    warnings.simplefilter("ignore", FutureWarning)
    with long_lived.loading():
        from components.predict import exported_model
        from components.predict.user_files import answering, attachments, drawings, tables

    console = console or Console(stderr=True)
    tables.check(command.output)
    listed = listing.scan(command.places)
    if not listed.count:
        raise errors.UserError(f"There is no file in {', '.join(map(str, command.places))}.")
    model = exported_model.Model(command.model_dir)
    tables.check_task(command.output, model.answers)
    if command.draw and not model.answers.draws:
        raise errors.UserError(
            f"--draw is {command.draw}; the answers of the task {model.contract['task']} are not drawn."
        )
    chunks = listing.chunks(listed, command.parts, answering.settings(model))
    missing = [chunk for chunk in chunks if not answering.is_done(chunk)]
    known = listed.count - sum(len(chunk.files) for chunk in missing)
    noun = task.load(model.contract["task"]).panels.noun
    counted = formats.plural(len(model.labels), noun.one, noun.many)
    _say(console, f"{command.model_dir}: {counted}.")
    hidden = f", {listed.hidden:,} hidden files skipped" if listed.hidden else ""
    resumed = f", {known:,} answered before" if known else ""
    _say(console, f"{listed.count:,} files{hidden}{resumed}.")
    if missing:
        _answer(command, model, missing, console)
    parts = [chunk.part for chunk in chunks]
    reasons = tables.write(command.output, parts, model.answers)
    written = attachments.write(command.output, parts, model.answers.attached)
    drawn = lost = 0
    if command.draw:
        with answering.decoders(model) as decoders:
            drawn, lost = drawings.write(command.draw, parts, model.answers, decoders)
    shutil.rmtree(command.parts, ignore_errors=True)
    _summarise(console, command.output, listed.count, reasons)
    for column in model.answers.attached if written else ():
        _say(console, f"{written:,} files: {attachments.folder(command.output, column)}")
    if command.draw:
        missing_now = f"; {lost:,} images cannot be read any more" if lost else ""
        _say(console, f"{drawn:,} drawn: {command.draw}{missing_now}")
    return 0


def _answer(
    command: Command,
    model: "exported_model.Model",
    missing: list[listing.Chunk],
    console: Console,
) -> None:
    from components.predict.user_files import answering

    decoders = os.cpu_count() or 1
    with (
        step_table.StepTable(console, [STEP], lambda step: "") as table,
        progress.listening(table.advanced),
    ):
        table.started(STEP)
        progress.start(answering.TASK, sum(len(chunk.files) for chunk in missing), "files")
        if command.beam.engine == "local" and not command.beam.workers:
            with contextlib.closing(answering.Answerer(model, decoders)) as answerer:
                for chunk in missing:
                    answerer.answer(chunk)
            return
        _on_beam(command, missing, decoders)


def _on_beam(command: Command, missing: list[listing.Chunk], decoders: int) -> None:
    from components.predict import executor
    from pipeline.beam import job_server

    problems = command.beam.problems()
    if problems:
        raise errors.UserError(*problems)
    command.parts.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(
        job_server.JobServer(command.beam, command.parts / "job_server.log")
    ) as server:
        model_dir = str(command.model_dir.resolve())
        executor.run_chunks(server.arguments, missing, model_dir, decoders)


def _beam(engine: str, workers: str, options: list[str]) -> beam_config.BeamConfig:
    try:
        return beam_config.BeamConfig.model_validate(
            {"engine": engine, "workers": workers, "options": options}
        )
    except pydantic.ValidationError as error:
        rows = error.errors()
        raise errors.ConfigError(
            *(f"--beam.{row['loc'][0]} is {row['input']!r}: {row['msg']}." for row in rows)
        ) from error


def _summarise(console: Console, output: Path, count: int, reasons: Counter[str]) -> None:
    refused = sum(reasons.values())
    _say(console, f"{count - refused:,} answered, {refused:,} not: {output}")
    for reason, number in reasons.most_common():
        _say(
            console,
            f"  {number:,} {reason}: {refusals.REASONS.get(reason, 'see the column reason')}",
        )


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
