"""Search by KerasTuner with the trials of module ``trials``.

Its objective is the lowest cross-entropy on the eval split, without label smoothing so that it
is the same for all settings. A proper scoring rule distinguishes settings on a few hundred images,
where the accuracy, a count of hits, ties or depends on chance.

The first trial has the present settings, or the nearest ones in the space: the result is never
worse by this objective.
"""

import hashlib
import json
import logging
import shutil
import time
from pathlib import Path
from typing import Any

import keras_tuner

from components.trainer import config as train_config
from components.trainer import hyperparameters
from components.trainer.loop import training_job
from components.tuner import config as tune_config
from components.tuner import head_trials, oracles, trials
from components.tuner import space as search_space
from data import errors, formats, progress
from data.files import atomic
from tasks.facets.training import Head

TASK = "trying settings"
OBJECTIVE = "eval_loss"
SUMMARY_FILE = "trials.json"
_EPOCHS = f"{hyperparameters.OF_THE_TUNER}epochs"


def build(
    job: training_job.Job, tune: tune_config.TuneConfig, state_dir: Path, results_dir: Path
) -> "Search":
    """Makes a search, or resumes one that was killed.

    Args:
      job: what is trained; the search starts with its settings.
      tune: the settings of the search.
      state_dir: folder of the state of unfinished searches.
      results_dir: folder of the summary of all trials.

    Raises:
      errors.UserError: the settings leave nothing to search, or the weights are not available.
    """
    space = search_space.build(tune, job.config, job.changes)
    described = f"{job.identity()} {tune.model_dump_json()}"
    identity = hashlib.sha256(described.encode()).hexdigest()[:24]
    return Search(
        job,
        tune,
        oracles.build(tune, space, OBJECTIVE, _longest(job.config, tune), job.seed),
        results_dir / SUMMARY_FILE,
        directory=str(state_dir),
        project_name=f"tuning-{identity}",
    )


class Search(keras_tuner.Tuner):  # type: ignore[misc]
    """KerasTuner that trains as Trainer does.

    Args:
      job: what is trained.
      tune: the settings of the search.
      oracle: chooses the next settings.
      summary_path: file of the summary of all trials.
      options: arguments of the base class.
    """

    def __init__(
        self,
        job: training_job.Job,
        tune: tune_config.TuneConfig,
        oracle: keras_tuner.Oracle,
        summary_path: Path,
        **options: Any,
    ) -> None:
        self._job, self._tune, self._summary_path = job, tune, summary_path
        self._trials: trials.Trials | None = None
        super().__init__(oracle=oracle, **options)

    def run_trial(self, trial: Any, *_arguments: Any, **_options: Any) -> dict[str, float]:
        """Trains once; see the base class.

        Raises:
          keras_tuner.errors.FatalError: an error occurred that the user can act on.
        """
        job, found = self._job, trial.hyperparameters
        config, changes = hyperparameters.apply(job.config, job.changes, found.get_config())
        if _EPOCHS in found.values:
            config = shortened(config, found.values[_EPOCHS], _longest(config, self._tune))
        start = time.monotonic()
        try:
            if self._trials is None:
                self._trials = self._make_trials()
            folder = Path(self.get_trial_dir(trial.trial_id))
            outcome = self._trials.run(config, changes, folder)
        except errors.PipelineError as error:  # the base class would start the next trial
            raise keras_tuner.errors.FatalError(str(error)) from error
        except Exception:
            logging.exception("Trial %s failed.", trial.trial_id)
            raise
        return {
            OBJECTIVE: trials.bounded(outcome.loss, job.head.guessing_loss(len(job.spec.labels))),
            f"eval_{job.head.score}": outcome.score,
            "epochs": outcome.epochs,
            "seconds": round(time.monotonic() - start, 3),
        }

    def on_search_begin(self) -> None:
        """Reports the number of trials, and how many an interrupted search has finished."""
        self._task = progress.start(TASK, self._tune.trials, "trials")
        self._task.advance(len(self.oracle.end_order), self._note())

    def on_trial_end(self, trial: Any) -> None:
        """Reports the end of a trial."""
        super().on_trial_end(trial)
        self._task.advance(1, self._note())

    def on_search_end(self) -> None:
        """Writes the summary.

        Raises:
          errors.PipelineError: every trial failed.
        """
        if not _completed(self.oracle):
            failed = [trial.message for trial in self.oracle.trials.values() if trial.message]
            last = failed[-1].strip().splitlines()[-1] if failed else "none was run"
            raise errors.PipelineError(f"No trial of the tuner finished: {last}")
        self._summary_path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(self._summary_path) as temporary:
            described = summary(self.oracle, self._tune, self._job.head)
            temporary.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(self.project_dir)

    def results_summary(self, num_trials: int = 10) -> None:
        """Logs the path of the summary; the base class would create the state's folder again."""
        logging.info("All trials: %s", self._summary_path)

    def _make_trials(self) -> trials.Trials:
        if self._tune.what == "all":
            return trials.WholeTrials(self._job)
        strengths = len(set(self._tune.augment_strength))
        return head_trials.HeadTrials(self._job, strengths, self._tune.views)

    def _note(self) -> str:
        best = _completed(self.oracle)
        if not best:
            return ""
        head = self._job.head
        score = formats.percent(_metric(best[0], f"eval_{head.score}"))
        return f"best eval loss {best[0].score:.4f}, {head.score_title} {score}"


def summary(oracle: keras_tuner.Oracle, tune: tune_config.TuneConfig, head: Head) -> dict[str, Any]:
    """Returns the readable summary of all trials, the best first.

    Args:
      oracle: after the search.
      tune: its settings.
      head: defines the score beside the objective.
    """
    score = f"eval_{head.score}"
    return {
        "objective": f"{OBJECTIVE}: cross-entropy without label smoothing, lower is better",
        "method": tune.method,
        "what": tune.what,
        "trials": [
            {
                "trial": trial.trial_id,
                "settings": {
                    name: value
                    for name, value in trial.hyperparameters.values.items()
                    if not name.startswith(hyperparameters.OF_THE_TUNER)
                },
                OBJECTIVE: round(float(trial.score), 6),
                score: round(_metric(trial, score), 6),
                "epochs": int(_metric(trial, "epochs")),
                "seconds": _metric(trial, "seconds"),
            }
            for trial in _completed(oracle)
        ],
        "failed": [
            trial.trial_id for trial in oracle.trials.values() if trial.status != "COMPLETED"
        ],
    }


def shortened(
    config: train_config.TrainConfig, epochs: int, longest: int
) -> train_config.TrainConfig:
    """Shortens all phases in proportion, for trials that Hyperband runs with fewer epochs.

    Args:
      config: the settings of training.
      epochs: maximum number of epochs of the longest phase.
      longest: its number of epochs by the settings.
    """
    names = ("head_epochs", "fine_tune_epochs", "scratch_epochs")
    shares = {name: -(-getattr(config, name) * epochs // longest) for name in names}
    return config.model_copy(update=shares)


def _longest(config: train_config.TrainConfig, tune: tune_config.TuneConfig) -> int:
    if config.from_scratch:
        return config.scratch_epochs
    return max(config.head_epochs, config.fine_tune_epochs if tune.what == "all" else 0)


def _completed(oracle: keras_tuner.Oracle) -> list[Any]:
    """Lists the finished trials, the best first."""
    finished = [trial for trial in oracle.trials.values() if trial.status == "COMPLETED"]
    return sorted(finished, key=lambda trial: trial.score)


def _metric(trial: Any, name: str) -> float:
    return float(trial.metrics.get_best_value(name))
