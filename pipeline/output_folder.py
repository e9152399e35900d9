"""Gives the paths in an output folder; no other module spells them. Imports no TensorFlow.

    output/
      index.html                        all runs, with their reports
      summary.json                      the outcome of the last run, for programs
      serving/<model>/                  the pushed versions, a folder each
      artifacts/                        of all models
      artifacts/<model>/                what each step made: records, statistics, models, reports
      logs/<run>.log                    what the libraries of a run had to say
      logs/scheduled-<time>.log         the same of a run that a schedule started
      logs/schedule.log                 warnings of the scheduler
      logs/schedule-embedding.log       of the process that asks a model about new images
      runs/<run>/config.yaml            the resolved settings of a run
      runs/<run>/summary.json           its outcome
      labels/<model>.json               the label map
      ingest/<model>/                   what was decoded, and the split of every image
      training/features/                features that trainings cached
      training/unfinished/<model>/      the state of a training that was killed
      training/tuning/<model>/          the lists of trials
      predictions/<model>/              what the latest models answered about test images
      released/<model>/                 on Kubeflow, the last released models
      schedule/<model>/                 what a schedule remembers
      datasets/<set>/                   image sets that were fetched, the digits among them
      kubeflow/<model>.yaml             the package for Kubeflow
      kubeflow/<model>.log              what the libraries had to say when it was compiled
      metadata.sqlite                   ML Metadata: who made what from what
      .lock                             held by the run that works here

Paths are below the root as it was given, absolute or not. What the folders of one owner hold
inside is said there: a version by the Pusher, ``schedule/`` by :mod:`pipeline.scheduled.state`.
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
        """The page that lists all runs."""
        return self.root / "index.html"

    @property
    def summary(self) -> Path:
        """The outcome of the last run."""
        return self.root / _SUMMARY

    @property
    def metadata(self) -> Path:
        """The database of ML Metadata."""
        return self.root / "metadata.sqlite"

    @property
    def lock(self) -> Path:
        """The file that a run locks."""
        return self.root / ".lock"

    @property
    def artifacts(self) -> Path:
        """The folder of all models' artifacts."""
        return self.root / "artifacts"

    def artifacts_of(self, model: str) -> Path:
        """The folder of what the steps of one model made."""
        return self.artifacts / model

    def serving(self, model: str) -> Path:
        """The folder of a model's versions."""
        return self.root / "serving" / model

    def log(self, run_id: str) -> Path:
        """The log of a run."""
        return self._logs / f"{run_id}.log"

    @property
    def schedule_log(self) -> Path:
        """The log of the scheduler."""
        return self._logs / "schedule.log"

    @property
    def embedding_log(self) -> Path:
        """The log of the process that asks a model about new images."""
        return self._logs / "schedule-embedding.log"

    def scheduled_log(self, started: datetime.datetime) -> Path:
        """The log of a run that a schedule started; see SCHEDULED_LOGS."""
        return self._logs / f"scheduled-{started:%Y%m%d-%H%M%S}.log"

    def run_config(self, run_id: str) -> Path:
        """The resolved settings of a run."""
        return self._runs / run_id / _CONFIG

    def run_summary(self, run_id: str) -> Path:
        """The outcome of a run."""
        return self._runs / run_id / _SUMMARY

    def run_summaries(self) -> list[Path]:
        """The outcomes of all runs that are there, the oldest first."""
        return sorted(self._runs.glob(f"*/{_SUMMARY}"))

    def labels(self, model: str) -> Path:
        """The label map of a model."""
        return self.root / "labels" / f"{model}.json"

    def ingest(self, model: str) -> Path:
        """The folder of what ingest remembers."""
        return self.root / "ingest" / model

    @property
    def features(self) -> Path:
        """The folder of cached features, of all models."""
        return self._training / "features"

    def unfinished(self, model: str) -> Path:
        """The folder of a training's state, while it lasts."""
        return self._training / "unfinished" / model

    def tuning(self, model: str) -> Path:
        """The folder of a model's trials."""
        return self._training / "tuning" / model

    def predictions(self, model: str) -> Path:
        """The folder of the latest models' answers."""
        return self.root / "predictions" / model

    def released(self, model: str) -> Path:
        """The folder of the last released models, on Kubeflow."""
        return self.root / "released" / model

    def schedule(self, model: str) -> Path:
        """The folder of what a schedule remembers."""
        return self.root / "schedule" / model

    def dataset(self, set_name: str) -> Path:
        """The folder of an image set that was fetched."""
        return self.root / "datasets" / set_name

    def kubeflow_package(self, model: str) -> Path:
        """The package for Kubeflow."""
        return self._kubeflow / f"{model}.yaml"

    def kubeflow_log(self, model: str) -> Path:
        """The log of the compilation for Kubeflow."""
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
