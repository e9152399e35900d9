"""The ingest step alone, as a run calls it, for the benchmarks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.image_example_gen import component, config, executor
from data.sources import by_folder
from data.splits import folder, labels
from pipeline.beam import beam_config
from tasks import task as registered


def exec_properties(generator: component.ImageFolderExampleGen) -> dict[str, Any]:
    """The execution properties of the step, as its executor gets them."""
    return {
        key: value
        if isinstance(value, str | int | type(None))
        else proto_utils.proto_to_json(value)
        for key, value in generator.exec_properties.items()
    }


def prepare(
    root: Path,
    target: Path,
    beam_arguments: Sequence[str] | None = None,
    listing: folder.Listing | None = None,
    task: str = registered.DEFAULT,
) -> Callable[[], None]:
    """Sets the step up with the default settings; the result runs it.

    Args:
      root: class folders, or what was listed.
      target: a new folder for all that is written.
      beam_arguments: what Beam is told; in memory where None.
      listing: the files and their labels; class folders where None.
      task: what the images are labelled for.
    """
    listing = listing or by_folder.scan(root)
    job = config.IngestJob(
        config=config.IngestConfig(),
        task=task,
        labels=labels.extend([], listing.class_names),
        fingerprint=listing.fingerprint(),
        code="",
        state_dir=str(target / "state"),
    )
    properties = exec_properties(component.ImageFolderExampleGen(input_base=str(root), job=job))
    examples = standard_artifacts.Examples()
    examples.uri = str(target / "examples")
    context = executor.Executor.Context(
        beam_pipeline_args=list(beam_arguments or beam_config.BeamConfig().arguments()),
        tmp_dir=str(target / "tmp"),
    )
    return lambda: executor.Executor(context).Do({}, {"examples": [examples]}, properties)
