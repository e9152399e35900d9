"""Runs the whole pipeline on this machine.

    python pipeline/run_local.py                          the embedded digits
    python pipeline/run_local.py --data-dir my_photos     your class folders, or a manifest
    python pipeline/run_local.py --help                   every setting

Exit codes: 0 the run finished and its decision was carried out; 3 the model was not blessed;
2 a usage or data error; 75 another run uses the output folder; 1 any other failure.
"""

import contextlib
import datetime
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

# Run as a script, Python puts this folder first on its path; the project's root belongs there.
ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [
    ROOT,
    *(entry for entry in sys.path if entry not in (ROOT, str(Path(__file__).parent))),
]

from data import errors, progress, tensorflow_environment  # noqa: E402
from data.splits import labels  # noqa: E402
from pipeline import output_folder  # noqa: E402
from pipeline.run import terminal  # noqa: E402
from pipeline.settings import pipeline_config, step_selection  # noqa: E402
from pipeline.settings.run_config import STEPS  # noqa: E402
from pipeline.wiring import lean_imports  # noqa: E402

if TYPE_CHECKING:
    from rich.console import Console

    from data.splits import folder
    from pipeline.run import preflight, runner

EXIT_NOT_BLESSED = 3
EXIT_TERMINATED = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the pipeline; returns the exit code."""
    start = time.monotonic()
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # unless it is ignored
        signal.signal(signal.SIGINT, _interrupt)
    try:
        asked, rest = step_selection.split(sys.argv[1:] if arguments is None else arguments)
        config = pipeline_config.parse(rest)
        return _tell(config, asked) if asked.dry_run else _run(config, asked, start)
    except errors.PipelineError as error:
        terminal.show_error(error)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        # TensorFlow prints pages of warnings for each model that is dropped half loaded.
        logging.disable(logging.CRITICAL)
        terminated = isinstance(interrupt, _Terminated)
        terminal.say(
            _console(sys.stderr),
            f"{'Terminated' if terminated else 'Interrupted'}. The same command continues after the"
            " last finished step.",
        )
        return EXIT_TERMINATED if terminated else terminal.EXIT_INTERRUPTED


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Ctrl-C does."""


def _terminate(*_: object) -> None:
    # With a message: Beam then raises the same class with it, and else a RuntimeError.
    raise _Terminated("SIGTERM")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt("SIGINT")


@dataclass(frozen=True)
class _Run:
    """A run and its output channels."""

    config: pipeline_config.PipelineConfig
    parts: step_selection.Parts
    run_id: str
    console: "Console"
    log_path: Path
    start: float


def _run(config: pipeline_config.PipelineConfig, asked: step_selection.Parts, start: float) -> int:
    from rich.text import Text

    with lean_imports.lean():
        from pipeline.run import failures, lock, logs, preflight

    run_id = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    log_path = output_folder.OutputFolder(config.output_dir).log(run_id)
    # Beam starts worker processes as `python` from the PATH: that must be this Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # A refusal here leaves no trace: neither a lock nor a log in any folder.
    listing = _inspect(config)
    preflight.prepare_output(config)
    waited: list[str] = []

    def announce(line: str) -> None:
        waited.append(line)
        terminal.say(_console(sys.stdout), line)

    with (
        lock.held(config.output_dir, run_id, config.run.wait_for_lock_s, announce),
        logs.redirected(log_path) as stream,
    ):
        console = _console(stream)
        source = str(config.source or config.tfds or "the embedded digits")
        head = Text.assemble(
            (source, "bold"), f" → {config.output_dir}   ", (f"log: {log_path}", "dim")
        )
        terminal.say(console, head)
        if waited:  # new images may have arrived meanwhile
            listing = None
        if listing is not None:
            _show(listing, console)
        try:
            return _run_steps(_Run(config, asked, run_id, console, log_path, start), listing)
        except errors.PipelineError:
            raise
        except Exception as error:
            logging.exception("The run failed.")
            if failures.kind(error) == failures.Kind.NO_SPACE:
                raise failures.no_space(error, config.output_dir) from error
            raise errors.PipelineError(
                f"{type(error).__name__}: {error}. This is a fault of the pipeline; the details"
                f" are in {log_path}."
            ) from error


def _inspect(config: pipeline_config.PipelineConfig) -> "folder.Listing | None":
    """Inspects the data and the settings; returns None if the data must be exported first.

    Prints nothing about valid data: the run must have its output folder first.
    """
    from pipeline.run import logs, preflight, step_table

    data_dir = preflight.existing_source(config)
    if data_dir is None:
        preflight.check_settings(config)
        return None
    with logs.redirected(Path(os.devnull)) as stream:
        console = _console(stream)
        understood: list[folder.Listing] = []
        try:
            with step_table.waiting(console, "checking the data …"):
                return preflight.inspect(config, data_dir, understood.append)
        except errors.PipelineError:
            for listing in understood:
                _show(listing, console)
            raise


def _show(listing: "folder.Listing", console: "Console") -> None:
    """Shows how a data folder was interpreted."""
    from data.sources import registry as label_sources

    terminal.say(console, *label_sources.lines(listing))


def _run_steps(run: _Run, listing: "folder.Listing | None") -> int:
    from pipeline.run import preflight, step_table

    config, console = run.config, run.console
    if listing is None:
        if config.tfds:
            terminal.say(console, f"requesting {config.tfds} from TensorFlow Datasets …")
        sources = step_table.StepTable(console, [], str)
        with sources, progress.listening(sources.advanced):
            data_dir = preflight.source_folder(config)
        with step_table.waiting(console, "checking the data …"):
            listing = preflight.inspect(config, data_dir, lambda found: _show(found, console))
    # Read under the lock: no other run changes the label map from now on.
    inputs = preflight.inputs(config, listing, run.parts.begins_with(STEPS[0]))
    terminal.say(console, *inputs.corrections_lines())
    _save_config(config, run.run_id)
    with step_table.waiting(console, "starting TensorFlow Extended …"):
        with lean_imports.lean():
            from pipeline.beam import job_server
            from pipeline.outcome import step_lines
            from pipeline.run import runner
            from pipeline.wiring import dag

        server = job_server.JobServer(config.beam, run.log_path.with_suffix(".job_server.log"))
        pipeline = dag.build(config, inputs, beam_arguments=server.arguments)
    names = [component.id for component in pipeline.components if component.id not in dag.RESOLVERS]
    run.parts.check(names)
    for killed in runner.recover(pipeline):
        terminal.say(
            console, f"An earlier run was killed in {killed.step}; this one continues there."
        )
    ran: list[runner.Step] = []
    table = step_table.StepTable(console, names, step_lines.describe)

    def finish(failure: errors.PipelineError | None) -> int:
        table.__exit__()
        return _finish(run, inputs, ran, failure)

    guard = runner.Guard(config.run, config.output_dir, finish)
    try:
        with table, progress.listening(table.advanced), contextlib.closing(server):
            runner.run(pipeline, run.run_id, ran, table, guard, run.parts)
        if run.parts.last is None and inputs.labels:
            labels.save(inputs.label_file, inputs.labels)
    except errors.PipelineError as error:
        return finish(error)
    return finish(None)


def _finish(
    run: _Run,
    inputs: "preflight.Inputs",
    ran: "list[runner.Step]",
    failure: errors.PipelineError | None,
) -> int:
    from pipeline.outcome import outcome, runs_page
    from pipeline.wiring import release_steps

    summary_path = output_folder.OutputFolder(run.config.output_dir).summary
    result = outcome.summarise(
        run.run_id,
        run.config,
        inputs.listing,
        inputs.labels,
        release_steps.serving_dir(run.config, inputs),
        ran,
        time.monotonic() - run.start,
        failure,
    )
    try:
        result.write(summary_path)
        runs_page.record(run.config.output_dir, result)
    except OSError as error:
        terminal.say(run.console, f"{summary_path} cannot be written: {error.strerror}.")
    outcome.show(result, run.console, summary_path)
    if failure:
        terminal.say(run.console, f"Log: {run.log_path}")
        return failure.exit_code
    return EXIT_NOT_BLESSED if result.status == "not_blessed" else 0


def _tell(config: pipeline_config.PipelineConfig, asked: step_selection.Parts) -> int:
    """Does a dry run, which writes only into a temporary folder."""
    from pipeline.run import logs, preflight, step_table

    with (
        tempfile.TemporaryDirectory(prefix="dry-run-") as scratch,
        logs.redirected(Path(scratch) / "log") as stream,
    ):
        console = _console(stream)
        with step_table.waiting(console, "determining what would run …"):
            data_dir = preflight.source_folder(config, Path(scratch))
            ingests = asked.begins_with(STEPS[0])
            inputs = preflight.check(config, data_dir, ingests, lambda found: _show(found, console))
            terminal.say(console, *inputs.corrections_lines())

            with lean_imports.lean():
                from pipeline.run import dry_run
                from pipeline.wiring import dag

            pipeline = dag.build(config, inputs)
            names = [one.id for one in pipeline.components if one.id not in dag.RESOLVERS]
            asked.check(names)
            plans = dry_run.plan(pipeline, asked, Path(scratch))
        dry_run.show(plans, console)
    return 0


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    # Environment variables that libraries read when they are first imported.
    os.environ.update(tensorflow_environment.defaults("1"))
    # No markup, no emoji codes: folders and classes may be called [red] or :cat:.
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _save_config(config: pipeline_config.PipelineConfig, run_id: str) -> None:
    path = output_folder.OutputFolder(config.output_dir).run_config(run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config.to_yaml(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
