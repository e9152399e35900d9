import pydantic
import pytest

from components.trainer import config, hyperparameters
from data.augment import augment_config

TRAIN = config.TrainConfig(dropout=0.3)
CHANGES = augment_config.AugmentConfig(rotation_degrees=10)


def applied(**values):
    return hyperparameters.apply(TRAIN, CHANGES, {"space": [], "values": values})


def test_nothing_found_changes_nothing():
    assert hyperparameters.apply(TRAIN, CHANGES, None) == (TRAIN, CHANGES)
    assert applied() == (TRAIN, CHANGES)


def test_what_was_found_overrides():
    train, changes = applied(head_learning_rate=0.01, augment_strength=2.0)
    # Trials of a head take steps, and training does as they did.
    assert train == TRAIN.model_copy(update={"head_learning_rate": 0.01, "head_start": "random"})
    assert changes == CHANGES.scaled(2)
    assert changes.rotation_degrees == 20


def test_hyperbands_own_books_are_left_out():
    assert applied(**{"tuner/epochs": 3, "tuner/trial_id": "7"}) == (TRAIN, CHANGES)


@pytest.mark.parametrize(
    ("values", "message"), [({"dropot": 0.1}, "dropot"), ({"dropout": 2.0}, "less than 1")]
)
def test_what_is_no_setting(values, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        applied(**values)
