"""How many views are planned: no more than the epochs of a training show."""

import pytest

from components.trainer import config
from components.trainer.loop import feeding

VIEW_BYTES = 100


@pytest.mark.parametrize(
    ("settings", "views"),
    [
        ({"fine_tune_epochs": 12}, 5),
        ({"fine_tune_epochs": 4}, 4),
        ({"fine_tune_epochs": 1}, 3),  # phase 1 shows three
        ({"fine_tune_epochs": 1, "min_phase_steps": 1_000}, 5),
        ({"fine_tune_epochs": 0}, 5),  # a head that is solved sees all
    ],
)
def test_no_more_views_are_planned_than_epochs_show(make_job, settings, views):
    job = make_job(cache=config.CacheConfig(), **settings)
    assert feeding.plan(job, VIEW_BYTES).views == views
