import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data import errors
from data.splits import split
from tests import examples

CONFIG = split.SplitConfig()


def digest(index: object) -> str:
    return hashlib.sha256(str(index).encode()).hexdigest()


def items(count, class_name="cat", given=None, first_group=0) -> list[split.Item]:
    return [
        split.Item(digest((class_name, i)), (class_name,), given, first_group + i)
        for i in range(count)
    ]


def assigned(images, given_splits=frozenset(), ledger=None, config=CONFIG) -> list[str]:
    return split.assign(images, config, set(given_splits), ledger or {})


def ledger_of(images, splits) -> dict[str, str]:
    return {image.sha256: name for image, name in zip(images, splits, strict=True)}


@pytest.mark.parametrize("count", [40, 100, 250, 1_000])
def test_every_class_is_spread_by_the_shares(count):
    images = items(count, "cat") + items(2 * count, "dog", first_group=count)
    splits = assigned(images)
    for name, size in (("cat", count), ("dog", 2 * count)):
        mine = [s for image, s in zip(images, splits, strict=True) if image.labels == (name,)]
        for part, share in (("train", 0.8), ("eval", 0.1), ("test", 0.1)):
            assert mine.count(part) == pytest.approx(size * share, abs=1)


def test_every_label_of_many_is_spread_by_the_shares():
    shares = {"sky": 0.6, "tree": 0.3, "car": 0.1, "dog": 0.02}
    random = np.random.default_rng(0)
    images = [
        split.Item(
            digest(i), tuple(name for name in shares if random.random() < shares[name]), None, i
        )
        for i in range(2_000)
    ]
    splits = assigned(images)
    for name in (*shares, None):
        mine = [
            s
            for image, s in zip(images, splits, strict=True)
            if (name in image.labels if name else not image.labels)
        ]
        for part, share in (("train", 0.8), ("eval", 0.1), ("test", 0.1)):
            assert mine.count(part) == pytest.approx(len(mine) * share, abs=2)


def test_a_class_of_three_is_in_every_split():
    assert sorted(assigned(items(3))) == ["eval", "test", "train"]
    assert sorted(assigned(items(5))) == ["eval", "test", "train", "train", "train"]
    assert assigned(items(2)) == ["train", "train"]


def test_the_order_of_images_does_not_matter():
    images = items(200) + items(100, "dog", first_group=200)
    expected = ledger_of(images, assigned(images))
    shuffled = sorted(images, key=lambda image: image.sha256)
    assert ledger_of(shuffled, assigned(shuffled)) == expected


def test_groups_are_never_torn():
    images = [split.Item(digest(i), ("cat" if i % 2 else "dog",), None, i // 7) for i in range(700)]
    splits = assigned(images)
    for group in range(100):
        assert len(set(splits[7 * group : 7 * group + 7])) == 1
    for part, share in (("train", 0.8), ("eval", 0.1), ("test", 0.1)):
        assert splits.count(part) == pytest.approx(700 * share, abs=14)


@settings(max_examples=examples.of(60))
@given(
    old=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), min_size=1, max_size=80),
    new=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 45)), max_size=40),
)
def test_no_image_ever_moves_when_others_come(old, new):
    """``new`` may join old groups, bring classes, and bridge what was apart."""
    first = [split.Item(digest(("old", i)), (c,), None, g) for i, (c, g) in enumerate(old)]
    ledger = ledger_of(first, assigned(first))
    second = first + [split.Item(digest(("new", i)), (c,), None, g) for i, (c, g) in enumerate(new)]
    after = ledger_of(second, assigned(second, ledger=ledger))
    assert {sha256: after[sha256] for sha256 in ledger} == ledger
    groups: dict[int, set[str]] = {}
    for image in second:
        groups.setdefault(image.group, set()).add(after[image.sha256])
    assert all(len(names) == 1 for names in groups.values())


def test_a_newcomer_that_bridges_two_splits_moves_neither():
    train, test = items(1)[0], items(1, "dog")[0]
    ledger = {train.sha256: "train", test.sha256: "test"}
    bridged = [
        split.Item(image.sha256, image.labels, None, 0)
        for image in (train, test, split.Item(digest("new"), ("cat",), None, 0))
    ]
    assert assigned(bridged, ledger=ledger)[:2] == ["train", "test"]


def test_given_splits_are_honoured():
    given_splits = {"train", "eval", "test"}
    for name in given_splits:
        assert set(assigned(items(50, given=name), given_splits)) == {name}


def test_a_missing_split_is_carved_out_of_train_alone():
    images = items(100, given="train") + items(30, "dog", given="eval", first_group=100)
    splits = assigned(images, {"train", "eval"})
    assert splits[100:] == ["eval"] * 30
    assert splits[:100].count("test") == 10
    assert splits[:100].count("train") == 90


def test_what_was_carved_returns_when_the_layout_gives_that_split():
    images = items(100, given="train")
    ledger = ledger_of(images, assigned(images, {"train"}))
    assert set(ledger.values()) == {"train", "eval", "test"}
    after = ledger_of(images, assigned(images, {"train", "eval"}, ledger))
    assert set(after.values()) == {"train", "test"}
    assert all(after[key] == "test" for key, name in ledger.items() if name == "test")


def test_the_ledger_round_trips(tmp_path):
    ledger = {digest(i): split.SPLITS[i % 3] for i in range(10)}
    path = tmp_path / "state" / "splits.csv"
    assert split.load_ledger(path) == {}
    split.save_ledger(path, ledger)
    assert split.load_ledger(path) == ledger


LEDGER = [f"{digest(i)},{split.SPLITS[i % 3]}" for i in range(4)]


def ledger_file(folder, *lines):
    path = folder / "splits.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_row_can_be_edited_and_added_by_hand(tmp_path):
    pinned = f"{digest(0)},test"
    path = ledger_file(tmp_path, "sha256,split", pinned, *LEDGER[1:], "images,4")
    assert split.load_ledger(path)[digest(0)] == "test"
    # As a spreadsheet writes it.
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert split.load_ledger(path)[digest(0)] == "test"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["sha256,split", *LEDGER], "holds 4 images, and its last line says nothing"),
        (["sha256,split", *LEDGER[:2], "images,4"], "holds 2 images, and its last line says 4"),
        (["sha256,split", *LEDGER, "images,4", *LEDGER[:1]], "is no digest with a split"),
        (["sha256,split", *LEDGER[:3], LEDGER[3][:50]], "is no digest with a split"),
        (["sha256,split", LEDGER[0], LEDGER[0], "images,2"], "is in it twice"),
        (["sha256,split", f"{digest(1)},training", "images,1"], "must be one of train, eval, test"),
        (["path,class"], "its header must be sha256,split"),
        (["\0" * 200], "the ledger of splits .* cannot be used"),
        ([], r"its header must be sha256,split; found \[\]"),
    ],
)
def test_a_damaged_ledger_is_refused_with_the_backup_to_use(tmp_path, lines, message):
    path = tmp_path / "splits.csv"
    split.save_ledger(path, {digest(1): "test"})
    split.save_ledger(path, {digest(1): "test", digest(2): "train"})
    ledger_file(tmp_path, *lines)
    with pytest.raises(errors.DataError, match=f"(?i){message}") as refused:
        split.load_ledger(path)
    assert f"Copy {path}.previous, the version before it, over it." in str(refused.value)
    assert split.load_ledger(tmp_path / "splits.csv.previous") == {digest(1): "test"}


def test_a_group_pattern_finds_the_patient():
    config = split.SplitConfig(group_pattern=r"(patient\d+)_")
    assert config.group_key("ill/patient7_02.png") == "patient7"
    assert config.group_key("ill/scan.png") is None
    assert split.SplitConfig(group_pattern=r"v\d+").group_key("a/v12_f.jpg") == "v12"
    with pytest.raises(ValidationError, match="no regular expression"):
        split.SplitConfig(group_pattern="(")


def test_shares_must_sum_to_one():
    with pytest.raises(ValidationError, match=r"sum to 1\.1; they must sum to 1"):
        split.SplitConfig(train=0.9, eval=0.1, test=0.1)
