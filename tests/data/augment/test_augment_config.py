import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.augment import augment, augment_config

FULL = augment_config.AugmentConfig(
    saturation_fraction=0.3,
    crop_min_area_fraction=0.4,
    erase_probability=0.5,
    policy="randaugment",
)


def test_the_defaults_of_old_stay():
    config = augment_config.AugmentConfig()
    assert config.horizontal_flip
    assert config.rotation_degrees == 10
    assert config.zoom_fraction == config.brightness_fraction == config.contrast_fraction == 0.15
    assert config.translation_fraction == 0.08
    assert config.where == "data"
    # What is newer is off.
    assert not config.vertical_flip
    assert config.saturation_fraction == config.erase_probability == 0
    assert config.crop_min_area_fraction == 1
    assert config.policy == "none"


@given(st.floats(0, 1000))
def test_scaling_keeps_the_bounds(strength):
    scaled = FULL.scaled(strength)
    assert augment_config.AugmentConfig.model_validate(scaled.model_dump()) == scaled
    assert scaled.policy == "randaugment"
    assert scaled.erase_probability == 0.5


def test_scaling_multiplies_the_extents():
    scaled = FULL.scaled(0.5)
    assert scaled.rotation_degrees == 5
    assert scaled.zoom_fraction == scaled.contrast_fraction == 0.075
    assert scaled.crop_min_area_fraction == pytest.approx(0.7)
    assert scaled.crop_max_aspect_ratio == pytest.approx((4 / 3) ** 0.5)
    assert scaled.policy_magnitude == pytest.approx(0.15)
    assert FULL.scaled(1) == FULL


def test_scaling_by_nothing_turns_the_extents_off():
    config = augment_config.AugmentConfig(horizontal_flip=False, erase_probability=1)
    assert augment.is_identity(config.scaled(0))


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match=r"strength is -1; it must be 0 or more"):
        FULL.scaled(-1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotation": 3},
        {"policy": "autoaugment"},
        {"where": "gpu"},
        {"policy_operations": 5},
        {"crop_min_area_fraction": 0},
        {"erase_probability": 1.5},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_not_allowed_is_refused(wrong):
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        augment_config.AugmentConfig(**wrong)
