"""The entry point of the image: runs one step for Kubeflow Pipelines by TFX's entry point.

    python -m pipeline.kubeflow.entrypoint --executor_class_path … \
        --json_serialized_invocation_args '{{$}}' --json_serialized_inputs_spec_args … [Beam's]

Exit codes as in run_local.py: 2 for errors that the user can fix, 1 for any other failure.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data import errors
from data.files import read_back
from pipeline.kubeflow import executor_input

# Title of a custom type → its class: TFX would take the title itself for the path of a class.
ARTIFACTS = {
    "vision.ImageReport": "components.image_validator.artifacts.ImageReport",
    "vision.Predictions": "components.predict.artifacts.Predictions",
    "vision.ReleaseDecision": "components.release_gate.artifacts.ReleaseDecision",
    "vision.Report": "components.report.artifacts.Report",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a step; returns the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        run(sys.argv[1:] if arguments is None else arguments)
    except Exception as error:
        explained = _explained(error)
        if explained is None:
            traceback.print_exc()
            return 1
        sys.stderr.write(f"Error: {explained}\n")
        return explained.exit_code
    return 0


def run(arguments: Sequence[str]) -> None:
    """Runs a step, by its command line, and reports its outcome to Kubeflow."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    given, beam_arguments = parser.parse_known_args(arguments)
    invocation = _given(given.json_serialized_invocation_args)
    inputs_spec = _given(given.json_serialized_inputs_spec_args)
    prepared = executor_input.prepare(invocation, inputs_spec)
    output_file = Path(invocation["outputs"]["outputFile"])
    _prepare_folders(prepared, output_file)
    _run_tfx(
        given,
        beam_arguments,
        prepared,
        output_file if executor_input.needs_driver(invocation) else None,
    )
    finished = read_back.json_file(
        output_file, "output of the executor", lambda left: executor_input.finish(left, invocation)
    )
    output_file.write_text(json.dumps(finished, indent=1), encoding="utf-8")


def _given(text: str) -> dict[str, Any]:
    return read_back.from_json(text, "argument from Kubeflow", dict)


def _run_tfx(
    given: argparse.Namespace,
    beam_arguments: list[str],
    prepared: dict[str, Any],
    driver_output: Path | None,
) -> None:
    from tfx.orchestration.kubeflow.v2 import compiler_utils
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
    from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver

    compiler_utils.TITLE_TO_CLASS_PATH.update(ARTIFACTS)
    given.json_serialized_invocation_args = json.dumps(prepared)
    if driver_output is not None:
        if not driver_output.exists():
            driver.main(given)
        driven = read_back.json_file(
            driver_output,
            "output of the driver",
            lambda left: executor_input.driven(prepared, left),
        )
        given.json_serialized_invocation_args = json.dumps(driven)
    kubeflow_v2_run_executor.main((given, beam_arguments))


def _prepare_folders(prepared: dict[str, Any], output_file: Path) -> None:
    output_file.parent.mkdir(parents=True, exist_ok=True)
    for rows in prepared["outputs"]["artifacts"].values():
        for row in rows["artifacts"]:
            Path(row["uri"]).mkdir(parents=True, exist_ok=True)


def _explained(error: BaseException | None) -> errors.PipelineError | None:
    """Returns the project's own error inside a chain of wrapped errors."""
    while error is not None and not isinstance(error, errors.PipelineError):
        error = error.__cause__ or error.__context__
    return error


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads left by libraries would keep the container, and its GPU, for ever.
    os._exit(code)
