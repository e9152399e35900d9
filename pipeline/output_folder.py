"""Paths of an output folder; no other module spells them. Imports no TensorFlow.

    output/
      index.html                        all runs, with their reports
      summary.json                      the outcome of the last run, for programs
      serving/<model>/                  the pushed versions, a folder each
      artifacts/                        of all models
      artifacts/<model>/                the output of each step: records, statistics, models, reports
      logs/<run>.log                    all output of the libraries in a run
      logs/scheduled-<time>.log         the same of a run that a schedule started
      logs/schedule.log                 warnings of the scheduler
      logs/schedule-embedding.log       of the process that asks a model about new images
      runs/<run>/config.yaml            the resolved settings of a run
      runs/<run>/summary.json           its outcome
      labels/<model>.json               the label map
      ingest/<model>/                   the index of decoded files, and the split of every image
      training/features/                features that trainings cached
      training/unfinished/<model>/      the state of an interrupted training
      training/tuning/<model>/          the lists of trials
      corrections/<model>.csv           what a person decided about labels
      corrections/<model>.new.csv       labels for images that are not in the data folder
      review/<model>/                   embeddings that a review computed
      predictions/<model>/              the latest models' answers about test images
      released/<model>/                 on Kubeflow, the last released models
      schedule/<model>/                 the state of a schedule
      datasets/<set>/                   downloaded image sets, and the digits
      kubeflow/<model>.yaml             the package for Kubeflow
      kubeflow/<model>.log              the output of the libraries when it was compiled
      metadata.sqlite                   ML Metadata: steps, artifacts and their origins
      .lock                             held by the current run

Paths are below the given root, absolute or not. The owner of a folder defines its contents: the
Pusher those of a version, :mod:`pipeline.scheduled.state` those of ``schedule/``.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

_SUMMARY = "summary.json"
_CONFIG = "config.yaml"
SCHEDULED_LOGS = "scheduled-*.log"  # in the folder of the logs


@dataclass(frozen=True)
class OutputFolder:
    """The paths of one output folder, whether they are there or not."""

    root: Path

    @property
    def index(self) -> Path:
        """Returns the page that lists all runs."""
        return self.root / "index.html"

    @property
    def summary(self) -> Path:
        """Returns the outcome of the last run."""
        return self.root / _SUMMARY

    @property
    def metadata(self) -> Path:
        """Returns the database of ML Metadata."""
        return self.root / "metadata.sqlite"

    @property
    def lock(self) -> Path:
        """Returns the file that a run locks."""
        return self.root / ".lock"

    @property
    def artifacts(self) -> Path:
        """Returns the folder of all models' artifacts."""
        return self.root / "artifacts"

    def artifacts_of(self, model: str) -> Path:
        """Returns the folder of the artifacts of one model."""
        return self.artifacts / model

    def serving(self, model: str) -> Path:
        """Returns the folder of a model's versions."""
        return self.root / "serving" / model

    def log(self, run_id: str) -> Path:
        """Returns the log of a run."""
        return self._logs / f"{run_id}.log"

    @property
    def schedule_log(self) -> Path:
        """Returns the log of the scheduler."""
        return self._logs / "schedule.log"

    @property
    def embedding_log(self) -> Path:
        """Returns the log of the process that asks a model about new images."""
        return self._logs / "schedule-embedding.log"

    def scheduled_log(self, started: datetime.datetime) -> Path:
        """Returns the log of a run that a schedule started; see SCHEDULED_LOGS."""
        return self._logs / f"scheduled-{started:%Y%m%d-%H%M%S}.log"

    def run_config(self, run_id: str) -> Path:
        """Returns the resolved settings of a run."""
        return self._runs / run_id / _CONFIG

    def run_summary(self, run_id: str) -> Path:
        """Returns the outcome of a run."""
        return self._runs / run_id / _SUMMARY

    def run_summaries(self) -> list[Path]:
        """Returns the outcomes of all runs that are there, the oldest first."""
        return sorted(self._runs.glob(f"*/{_SUMMARY}"))

    def labels(self, model: str) -> Path:
        """Returns the label map of a model."""
        return self.root / "labels" / f"{model}.json"

    def ingest(self, model: str) -> Path:
        """Returns the folder of ingest's state."""
        return self.root / "ingest" / model

    def corrections(self, model: str) -> Path:
        """Returns the list of what a person decided about labels."""
        return self.root / "corrections" / f"{model}.csv"

    def new_labels(self, model: str) -> Path:
        """Returns the list of labels for images that are not in the data folder."""
        return self.root / "corrections" / f"{model}.new.csv"

    def review(self, model: str) -> Path:
        """Returns the folder of embeddings that a review computed."""
        return self.root / "review" / model

    @property
    def features(self) -> Path:
        """Returns the folder of cached features, of all models."""
        return self._training / "features"

    def unfinished(self, model: str) -> Path:
        """Returns the folder of a training's state, while it lasts."""
        return self._training / "unfinished" / model

    def tuning(self, model: str) -> Path:
        """Returns the folder of a model's trials."""
        return self._training / "tuning" / model

    def predictions(self, model: str) -> Path:
        """Returns the folder of the latest models' answers."""
        return self.root / "predictions" / model

    def released(self, model: str) -> Path:
        """Returns the folder of the last released models, on Kubeflow."""
        return self.root / "released" / model

    def schedule(self, model: str) -> Path:
        """Returns the folder of a schedule's state."""
        return self.root / "schedule" / model

    def dataset(self, set_name: str) -> Path:
        """Returns the folder of a downloaded image set."""
        return self.root / "datasets" / set_name

    def kubeflow_package(self, model: str) -> Path:
        """Returns the package for Kubeflow."""
        return self._kubeflow / f"{model}.yaml"

    def kubeflow_log(self, model: str) -> Path:
        """Returns the log of the compilation for Kubeflow."""
        return self._kubeflow / f"{model}.log"

    @property
    def _logs(self) -> Path:
        return self.root / "logs"

    @property
    def _runs(self) -> Path:
        return self.root / "runs"

    @property
    def _training(self) -> Path:
        return self.root / "training"

    @property
    def _kubeflow(self) -> Path:
        return self.root / "kubeflow"
