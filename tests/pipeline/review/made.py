"""An output folder as a run leaves it after ingest, without running a pipeline."""

import json
from pathlib import Path

from pipeline import output_folder
from pipeline.history import lineage
from pipeline.review import project
from tests.components.image_example_gen import made
from tests.pipeline import metadata


def ingested(data: Path, output: Path, run_id: str = "1", task: str = "classification", **given):
    """Ingests a folder into an output folder; returns what is reviewed."""
    output.mkdir(exist_ok=True)
    place = output_folder.OutputFolder(output)
    recorder = metadata.Recorder(output)
    number = recorder.artifact("Examples")
    (row,) = recorder.store.get_artifacts_by_id([number])
    state = place.ingest(metadata.MODEL)
    made.run(data, Path(row.uri), state, **given)
    job = json.dumps({"task": task, "state_dir": str(state)})
    recorder.step(run_id, lineage.INGEST, [], [number], custom_config={"custom_config": job})
    return project.Project.of(output)
