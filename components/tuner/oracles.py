"""Oracles of KerasTuner that choose the next settings, starting with the present ones.

Sources: Bergstra & Bengio, 2012, https://jmlr.org/papers/v13/bergstra12a.html (random);
Snoek et al., 2012, https://arxiv.org/abs/1206.2944 (Bayesian); Li et al., 2016,
https://arxiv.org/abs/1603.06560 (Hyperband).
"""

from typing import Any

import keras_tuner

from components.trainer.loop import sources
from components.tuner import config as tune_config

HYPERBAND_FACTOR = 3


class _StartsFromTheDefaults:
    """Oracle whose first trial has the defaults of the space."""

    trials: dict[str, Any]
    hyperparameters: keras_tuner.HyperParameters

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """See keras_tuner.Oracle."""
        if self.trials:
            return super().populate_space(trial_id)  # type: ignore[misc]
        values = {one.name: one.default for one in self.hyperparameters.space}
        return {"status": "RUNNING", "values": values}


class _Random(_StartsFromTheDefaults, keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    pass


class _Bayesian(  # type: ignore[misc]
    _StartsFromTheDefaults, keras_tuner.oracles.BayesianOptimizationOracle
):
    pass


class _Hyperband(_StartsFromTheDefaults, keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    pass


def build(
    tune: tune_config.TuneConfig,
    space: keras_tuner.HyperParameters,
    objective: str,
    max_epochs: int,
    seed: int,
) -> keras_tuner.Oracle:
    """Makes the oracle that the settings name.

    It ends when the number of trials is reached or the space is exhausted.

    Args:
      tune: the method and the number of trials.
      space: the search space.
      objective: name of the metric to minimise.
      max_epochs: number of epochs of the trials that Hyperband runs to the end.
      seed: seed of all draws; the same outcomes lead to the same trials.
    """
    options: dict[str, Any] = {
        "objective": keras_tuner.Objective(objective, "min"),
        "hyperparameters": space,
        "allow_new_entries": False,
        "tune_new_entries": False,
        # KerasTuner treats 0 as no seed.
        "seed": 1 + sources.number(seed, 0, "tuner") % (2**31 - 2),
    }
    if tune.method == "random":
        return _Random(max_trials=tune.trials, **options)
    if tune.method == "bayesian":
        # A third at random; by KerasTuner's own rule all trials could be random.
        return _Bayesian(
            max_trials=tune.trials, num_initial_points=max(2, tune.trials // 3), **options
        )
    oracle = _Hyperband(
        max_epochs=max_epochs,
        factor=HYPERBAND_FACTOR,
        hyperband_iterations=tune.trials,
        **options,
    )
    # Its own count depends on the epochs only; here brackets repeat until all trials are used.
    oracle.max_trials = tune.trials
    return oracle
