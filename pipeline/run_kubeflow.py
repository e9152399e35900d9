"""Runs the whole pipeline on Kubeflow Pipelines.

    python pipeline/run_kubeflow.py compile  --data-dir DIR --kubeflow.image IMAGE …   a package
    python pipeline/run_kubeflow.py submit   … --kubeflow.host URL                     a run
    python pipeline/run_kubeflow.py schedule … --kubeflow.cron "0 3 * * mon"           many
    python pipeline/run_kubeflow.py compile --help                                     every setting

Exit codes: 0 done; 2 a usage or data error; 1 a failure.
"""

import datetime
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Run as a script, Python puts this folder first on its path; the project's root belongs there.
ROOT = str(Path(__file__).resolve().parent.parent)
sys.path[:] = [
    ROOT,
    *(entry for entry in sys.path if entry not in (ROOT, str(Path(__file__).parent))),
]

from data import errors, long_lived, tensorflow_environment  # noqa: E402
from data.sources import registry as label_sources  # noqa: E402
from data.splits import folder, labels  # noqa: E402
from pipeline import output_folder  # noqa: E402
from pipeline.kubeflow import config as kubeflow_config  # noqa: E402
from pipeline.run import terminal  # noqa: E402
from pipeline.settings import pipeline_config, setting_sources  # noqa: E402

if TYPE_CHECKING:
    from pipeline.kubeflow import compiler

ACTIONS = ("compile", "submit", "schedule")
USAGE = "run_kubeflow.py compile|submit|schedule [--config FILE] [--SETTING VALUE …]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Executes the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return terminal.exit_code(lambda: _run(given))


def _run(given: list[str]) -> int:
    action = given.pop(0) if given and not given[0].startswith("-") else ""
    if not action and {"--help", "-h"} & set(given):
        action = "compile"
    if action not in ACTIONS:
        problem = f"Unknown action {action!r}" if action else "No action is given"
        raise errors.ConfigError(f"{problem}; one of {', '.join(ACTIONS)} comes first; see --help.")
    config = setting_sources.read(
        kubeflow_config.KubeflowRun,
        given,
        prog="run_kubeflow.py",
        usage=USAGE,
        description="Compiles the pipeline for Kubeflow Pipelines, and submits it.",
        recipe=pipeline_config.default_recipe,
    )
    from pipeline.kubeflow import submit

    recurring = action == "schedule"
    if action != "compile":
        submit.check(config.kubeflow, recurring)
    package, path = _compile(config, recurring)
    for note in package.notes:
        print(note)
    print(f"Package: {path}")
    if action == "compile":
        return 0
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S")
    accepted = submit.ask(config.kubeflow, path, f"{package.name}-{stamp}", recurring)
    print(f"{'Scheduled' if recurring else 'Submitted'}: {accepted.id}\n{accepted.url}")
    return 0


def _compile(
    config: kubeflow_config.KubeflowRun, recurring: bool
) -> tuple["compiler.Package", Path]:
    from pipeline.run import logs, preflight

    os.environ.update(tensorflow_environment.defaults("1"))
    source = preflight.existing_source(config)
    if source is None:
        preflight.check_settings(config)
        preflight.prepare_output(config)
        source = preflight.source_folder(config)
    inputs = preflight.check(config, source, show=_show)
    preflight.prepare_output(config)
    place = output_folder.OutputFolder(config.output_dir)
    log_path = place.kubeflow_log(inputs.model_name)
    try:
        # The output of TensorFlow and TFX on import does not belong on the terminal.
        with logs.redirected(log_path):
            with long_lived.loading():
                from pipeline.kubeflow import compiler, spec

            package = compiler.compile_package(config, inputs, recurring)
    except errors.PipelineError:
        raise
    except ImportError as error:
        raise errors.UserError(
            f"{error}: the compiler needs the extra kubeflow: uv pip install '.[kubeflow]'."
        ) from error
    except Exception as error:
        logging.exception("The compilation failed.")
        raise errors.PipelineError(
            f"{type(error).__name__}: {error}. The details are in {log_path}."
        ) from error
    path = config.kubeflow.package or place.kubeflow_package(package.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spec.to_yaml(package.documents), encoding="utf-8")
    # The steps get the label map with their settings, so it is frozen from now on.
    if inputs.labels:
        labels.save(inputs.label_file, inputs.labels)
    return package, path


def _show(listing: folder.Listing) -> None:
    for line in label_sources.lines(listing):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
