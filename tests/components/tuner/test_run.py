import json
import types

from tfx.components.tuner import executor

from components.trainer import run as trainer_run
from components.tuner import config, run, search
from tests.components.trainer import conftest


def arguments(job, folder, **more):
    """As TFX makes them."""
    root = folder / "records"
    for name, files in (("Split-train", job.train_files), ("Split-eval", job.eval_files)):
        conftest.write(root / name, *conftest.images(0 if "train" in files[0] else 1))
    (root / "pixels.json").write_text(job.spec.to_json())
    custom = {
        "train": job.config.model_dump_json(),
        "augment": job.changes.model_dump_json(),
        "seed": 0,
        "code": "",
        "cache_dir": str(folder / "features"),
        "checkpoint_dir": str(folder / "unfinished"),
        **more,
    }
    return types.SimpleNamespace(
        train_files=[str(root / "Split-train" / "*")],
        eval_files=[str(root / "Split-eval" / "*")],
        working_dir=str(folder / "work"),
        base_model=None,
        hyperparameters=None,
        custom_config=custom,
    )


def test_what_the_tuner_finds_is_what_trainer_takes(make_job, tmp_path):
    """Through the file that TFX writes in between."""
    job = make_job(head_epochs=1, fine_tune_epochs=0)
    tune = config.TuneConfig(trials=2, method="random", dropout=[0.4, 0.4], augment_strength=[2.0])
    fn_args = arguments(
        job, tmp_path, tune=tune.model_dump_json(), results_dir=str(tmp_path / "results")
    )
    tuner, fit_kwargs = run.tuner_fn(fn_args)
    tuner.search(**fit_kwargs)
    outputs = {
        name: [types.SimpleNamespace(uri=str(tmp_path / name))]
        for name in ("best_hyperparameters", "tuner_results")
    }
    executor.write_best_hyperparameters(tuner, outputs)
    assert (tmp_path / "results" / search.SUMMARY_FILE).exists()
    (best,) = (tmp_path / "best_hyperparameters").iterdir()
    fn_args.hyperparameters = json.loads(best.read_text())
    taken = trainer_run.job(fn_args, tmp_path)
    found = tuner.get_best_hyperparameters()[0].values
    assert taken.config.dropout == 0.4
    assert taken.config.head_learning_rate == found["head_learning_rate"]
    assert taken.changes == job.changes.scaled(2)
