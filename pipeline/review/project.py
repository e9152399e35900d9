"""What is reviewed: the images that the last run ingested, and the list of decisions about them."""

import functools
from dataclasses import dataclass
from pathlib import Path

from components.image_example_gen import corrected
from data import errors
from data.corrections import applying, decisions
from data.examples import catalog, examples_artifact, ingest_report
from pipeline import output_folder
from pipeline.history import lineage, mlmd
from tasks import task


@dataclass(frozen=True)
class Project:
    """The images and decisions of one model.

    Attributes:
      name: the name of the model.
      task_name: what it learns.
      uri: the Examples artifact of the last ingest.
      data_dir: the folder that was ingested.
      log: the list of decisions.
      unlabelled_log: the list of labels for images that are not in the data folder.
      output_dir: the output folder.
      run_id: the run that ingested.
    """

    name: str
    task_name: str
    uri: str
    data_dir: Path
    log: decisions.Log
    unlabelled_log: decisions.Log
    output_dir: Path
    run_id: str

    @classmethod
    def of(cls, output_dir: Path, model: str | None = None) -> "Project":
        """Finds the last ingest of an output folder.

        Args:
          output_dir: the output folder.
          model: the name of the model; None: that of the last run.

        Raises:
          errors.UserError: nothing was ingested, or not for this model.
        """
        past = mlmd.read(output_dir)
        names: dict[str, None] = {}
        for step in reversed(past.steps):
            uris = [past.artifacts[number] for number in step.outputs]
            if step.name != lineage.INGEST or step.state not in ("ran", "cached") or not uris:
                continue
            name = Path(step.setting("state_dir")).name
            names[name] = None
            if model in (None, name) and uris[0].live:
                uri = uris[0].uri
                report = examples_artifact.read_report(uri)
                place = output_folder.OutputFolder(output_dir)
                return cls(
                    name=name,
                    task_name=step.setting("task"),
                    uri=uri,
                    data_dir=Path(report.source),
                    log=decisions.Log(place.corrections(name)),
                    unlabelled_log=decisions.Log(place.new_labels(name)),
                    output_dir=output_dir,
                    run_id=step.run_id,
                )
        wanted = f"of the model {model!r} " if model else ""
        known = f"; models are {', '.join(names)}" if names else ""
        raise errors.UserError(
            f"No run in {output_dir} has ingested images {wanted}that are still there{known}. Run the"
            " pipeline first."
        )

    @property
    def task(self) -> task.Task:
        """Returns what the model learns."""
        return task.load(self.task_name)

    @property
    def has_labels(self) -> bool:
        """Returns whether images as a whole have labels; else they are accepted or dropped."""
        return self.task.annotates == "images" and bool(self.labels)

    @functools.cached_property
    def images(self) -> list[catalog.Image]:
        """Returns the ingested images, in the order of the records."""
        return list(examples_artifact.read_catalog(self.uri))

    @functools.cached_property
    def report(self) -> ingest_report.Report:
        """Returns the report of the ingest."""
        return examples_artifact.read_report(self.uri)

    @functools.cached_property
    def labels(self) -> list[str]:
        """Returns the label map."""
        return examples_artifact.read_labels(self.uri)

    def corrections(self) -> applying.Corrections:
        """Returns the decisions as they are now."""
        return corrected.read(self.log.path, self.task_name)
