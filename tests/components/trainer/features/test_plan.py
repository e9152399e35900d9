import os

import pytest

from components.trainer import config
from components.trainer.features import budget, plan
from data import errors
from data.augment import augment_config
from tests.data import changes

CHANGES = augment_config.AugmentConfig()
MAPS = {"most_views": 16, "viewed_images": 1500}


def choose(
    changes=CHANGES,
    images=3000,
    available=1 << 40,
    on_gpu=False,
    most_views=5,
    viewed_images=9000,
    **settings,
) -> plan.Plan:
    return plan.choose(
        config.TrainConfig(**settings),
        changes,
        image_count=images,
        other_count=images // 10,
        view_bytes=10_000,
        available_bytes=available,
        on_gpu=on_gpu,
        most_views=most_views,
        viewed_images=viewed_images,
    )


def views(number):
    return {"cache": config.CacheConfig(views=number)}


@pytest.mark.parametrize(
    ("arguments", "number", "cause"),
    [
        ({}, 3, plan.Cause.IMAGES),
        ({"images": 100}, 5, plan.Cause.IMAGES),
        ({"images": 100_000}, plan.MIN_VIEWS, plan.Cause.IMAGES),
        ({"images": 60, **MAPS}, 16, plan.Cause.IMAGES),
        ({"images": 367, **MAPS}, 4, plan.Cause.IMAGES),
        ({"on_gpu": True}, 0, plan.Cause.GPU),
        ({"on_gpu": True, **views(3)}, 3, plan.Cause.SETTING),
        (views(0), 0, plan.Cause.TURNED_OFF),
        ({"weights": "random"}, 0, plan.Cause.NOTHING_FROZEN),
        ({"changes": changes.NOTHING}, 1, plan.Cause.NO_AUGMENTATION),
        (
            {"changes": CHANGES.model_copy(update={"where": "model"})},
            0,
            plan.Cause.AUGMENTED_IN_MODEL,
        ),
        ({"join": {"mosaic_probability": 0.5}}, 0, plan.Cause.JOINED),
        ({"available": 90_000_000}, 2, plan.Cause.IMAGES),
        ({"available": 50_000_000}, 0, plan.Cause.NO_ROOM),
    ],
)
def test_the_choice_and_its_cause(arguments, number, cause):
    chosen = choose(**arguments)
    assert (chosen.views, chosen.cause) == (number, cause)


def test_a_choice_is_told_with_its_figures():
    assert choose().reason == "3 views of 3,000 images, on a CPU"
    assert choose(available=50_000_000).reason.endswith(" are allowed")


def test_views_and_random_weights_exclude_each_other():
    with pytest.raises(ValueError, match=r"cache\.views"):
        config.TrainConfig(weights="random", cache={"views": 2})


@pytest.mark.parametrize("value", ["many", -3, 2.5, 1001])
def test_views_are_auto_or_a_count(value):
    with pytest.raises(ValueError, match="auto, or a number from 0 to 1,000, is allowed"):
        config.CacheConfig(views=value)
    assert [config.CacheConfig(views=good).views for good in ("auto", "7", 0)] == ["auto", 7, 0]


def fill(root, name, size, age):
    (root / name).mkdir(parents=True)
    (root / name / "a.npy").write_bytes(b"0" * size)
    os.utime(root / name, (1000 - age, 1000 - age))


def test_idle_stores_make_room_the_oldest_first(tmp_path):
    for name, age in (("old", 3), ("older", 5), ("mine", 9), ("young", 1)):
        fill(tmp_path, name, 100, age)
    budget.make_room(tmp_path, [tmp_path / "mine"], 150, 400)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "young"]


def test_too_little_room_is_told(tmp_path):
    fill(tmp_path, "mine", 100, 1)
    with pytest.raises(errors.UserError, match=r"max-gib.*--train\.cache\.views 0"):
        budget.make_room(tmp_path, [tmp_path / "mine"], 1000, 500)
    with pytest.raises(errors.UserError, match="the disk has"):
        budget.make_room(tmp_path, [], 1 << 60, 1 << 61)
