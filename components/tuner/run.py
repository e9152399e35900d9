"""TFX adapter of tuning: the tuner_fn that stock Tuner calls."""

from pathlib import Path
from typing import Any

from tfx.components.tuner import component

from components.trainer import run as trainer_run
from components.tuner import config as tune_config
from components.tuner import search


def tuner_fn(fn_args: Any) -> component.TunerFnResult:
    """Makes the search over pixels records that the executor then runs.

    Args:
      fn_args: from TFX; its custom_config holds the entries for components.trainer.run.job,
        ``tune`` (a TuneConfig as JSON) and the folder ``results_dir``.
    """
    settings = fn_args.custom_config
    job = trainer_run.job(fn_args, Path(fn_args.working_dir))
    tuner = search.build(
        job,
        tune_config.TuneConfig.model_validate_json(settings["tune"]),
        state_dir=Path(settings["checkpoint_dir"]),
        results_dir=Path(settings["results_dir"]),
    )
    return component.TunerFnResult(tuner=tuner, fit_kwargs={})
