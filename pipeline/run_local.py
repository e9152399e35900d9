"""Runs the whole pipeline on this machine.

    python pipeline/run_local.py                          the embedded digits
    python pipeline/run_local.py --data-dir my_photos     your class folders
    python pipeline/run_local.py --help                   every setting

Exit codes: 0 the run finished and its decision was carried out; 3 the model was not blessed;
2 a usage or data error; 1 a failure.
"""

import datetime
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Run as a script, Python puts this folder first on its path; the project's root belongs there.
ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [
    ROOT,
    *(entry for entry in sys.path if entry not in (ROOT, str(Path(__file__).parent))),
]

from data import errors, labels, progress  # noqa: E402
from pipeline import config as pipeline_config  # noqa: E402

if TYPE_CHECKING:
    from rich.console import Console

EXIT_NOT_BLESSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the pipeline; returns the exit code."""
    start = time.monotonic()
    try:
        config = pipeline_config.parse(sys.argv[1:] if arguments is None else arguments)
        return _run(config, start)
    except errors.PipelineError as error:
        label = "Error" if isinstance(error, errors.UserError) else "Failed"
        print(
            f"{label}: {error}" if len(error.problems) == 1 else f"{label}:\n{error}",
            file=sys.stderr,
        )
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "Interrupted. The same command goes on after the last finished step.", file=sys.stderr
        )
        return 130


def _run(config: pipeline_config.PipelineConfig, start: float) -> int:
    from rich.console import Console
    from rich.text import Text

    from pipeline import logs, preflight

    preflight.prepare_output(config)
    run_id = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    log_path = config.output_dir / "logs" / f"{run_id}.log"
    # Environment variables that libraries read when they are first imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with logs.redirected(log_path) as terminal:
        # No markup, no emoji codes: folders and classes may be called [red] or :cat:.
        console = Console(file=terminal, highlight=False, markup=False, emoji=False)
        source = str(config.data_dir or config.tfds or "the embedded digits")
        head = Text.assemble(
            (source, "bold"), f" → {config.output_dir}   ", (f"log: {log_path}", "dim")
        )
        console.print(head, soft_wrap=True)
        try:
            return _run_steps(config, console, run_id, log_path, start)
        except errors.PipelineError:
            raise
        except Exception as error:
            logging.exception("The run broke off.")
            raise errors.PipelineError(
                f"{type(error).__name__}: {error}. This is a fault of the pipeline; the details"
                f" are in {log_path}."
            ) from error


def _run_steps(
    config: pipeline_config.PipelineConfig,
    console: "Console",
    run_id: str,
    log_path: Path,
    start: float,
) -> int:
    from pipeline import preflight
    from pipeline import progress as step_table

    if config.tfds:
        console.print(f"asking TensorFlow Datasets for {config.tfds} …")
    sources = step_table.StepTable(console, [], str)
    with sources, progress.listening(sources.advanced):
        data_dir = preflight.source_folder(config)
    with step_table.waiting(console, "checking the data …"):
        inputs = preflight.check(config, data_dir)
    _save_config(config, run_id)
    with step_table.waiting(console, "starting TensorFlow Extended …"):
        from pipeline import dag, outcome, release, runner, runs, steps

        pipeline = dag.build(config, inputs)
    ran: list[runner.Step] = []
    failure = None
    names = [component.id for component in pipeline.components if component.id not in dag.RESOLVERS]
    table = step_table.StepTable(console, names, steps.describe)
    try:
        with table, progress.listening(table.advanced):
            runner.run(pipeline, run_id, ran, table)
        labels.save(inputs.label_file, inputs.labels)
    except errors.PipelineError as error:
        failure = error
    summary_path = config.output_dir / "summary.json"
    result = outcome.summarise(
        run_id,
        inputs.listing,
        inputs.labels,
        config.evaluate,
        release.serving_dir(config, inputs),
        ran,
        time.monotonic() - start,
        failure,
    )
    result.write(summary_path)
    runs.record(config.output_dir, result)
    outcome.show(result, console, summary_path)
    if failure:
        console.print(f"Log: {log_path}", soft_wrap=True)
        return failure.exit_code
    return 0 if result.blessed else EXIT_NOT_BLESSED


def _save_config(config: pipeline_config.PipelineConfig, run_id: str) -> None:
    path = config.output_dir / "runs" / run_id / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config.to_yaml(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
