import hashlib

import pytest
from pydantic import ValidationError

from data import split

CONFIG = split.SplitConfig()


def digest(index: int) -> str:
    return hashlib.sha256(str(index).encode()).hexdigest()


def test_shares_are_kept():
    assigned = [split.assign(digest(i), CONFIG, None, set()) for i in range(10_000)]
    assert assigned.count("train") == pytest.approx(8_000, rel=0.02)
    assert assigned.count("eval") == pytest.approx(1_000, rel=0.1)
    assert assigned.count("test") == pytest.approx(1_000, rel=0.1)


def test_only_the_content_decides():
    first = [split.assign(digest(i), CONFIG, None, set()) for i in range(100)]
    assert first == [split.assign(digest(i), CONFIG, None, set()) for i in range(100)]


def test_given_splits_are_honoured():
    given = {"train", "eval", "test"}
    for name in given:
        assert all(split.assign(digest(i), CONFIG, name, given) == name for i in range(200))


def test_a_missing_split_is_carved_out_of_train_alone():
    given = {"train", "eval"}
    train = [split.assign(digest(i), CONFIG, "train", given) for i in range(2_000)]
    assert set(train) == {"train", "test"}
    assert train.count("test") == pytest.approx(200, rel=0.25)
    assert {split.assign(digest(i), CONFIG, "eval", given) for i in range(200)} == {"eval"}


def test_a_test_image_stays_one_when_an_eval_folder_appears():
    for index in range(500):
        if split.assign(digest(index), CONFIG, "train", {"train"}) == "test":
            assert split.assign(digest(index), CONFIG, "train", {"train", "eval"}) == "test"


def test_shares_must_sum_to_one():
    with pytest.raises(ValidationError, match=r"sum to 1\.1; they must sum to 1"):
        split.SplitConfig(train=0.9, eval=0.1, test=0.1)
