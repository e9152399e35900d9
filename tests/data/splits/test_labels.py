import pytest

from data import errors
from data.splits import labels


def test_new_classes_go_to_the_end_and_none_moves():
    frozen = ["dog", "cat"]
    assert labels.extend(frozen, ["ant", "cat", "bee"]) == ["dog", "cat", "ant", "bee"]
    assert labels.extend([], ["b", "a"]) == ["a", "b"]


def test_round_trip(tmp_path):
    names = ["Abyssinian", "American Bobtail", "ä", "name\udcff"]
    path = tmp_path / "deep" / "labels.json"
    labels.save(path, names)
    assert labels.load(path) == names
    assert [entry.name for entry in path.parent.iterdir()] == ["labels.json"]


def test_no_file_is_no_labels(tmp_path):
    assert labels.load(tmp_path / "labels.json") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("\0" * 40, "nothing but zero bytes, as after a power failure"),
        ('["a", "b', "is no JSON, or a part of it is missing"),
        ("{}", "a list of class names is needed"),
        ('["a","a"]', "twice"),
    ],
)
def test_a_damaged_label_map_is_refused_with_what_to_do(tmp_path, text, message):
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(errors.DataError, match=message) as refused:
        labels.load(path)
    assert str(path) in str(refused.value)
    assert "Restore it from a backup" in str(refused.value)


def test_the_backup_to_use_is_named(tmp_path):
    path = tmp_path / "labels.json"
    labels.save(path, ["a"])
    labels.save(path, ["a", "b"])
    path.write_bytes(b"\0" * 20)
    with pytest.raises(errors.DataError) as refused:
        labels.load(path)
    backup = tmp_path / "labels.json.previous"
    assert f"Copy {backup}, the version before it, over it." in str(refused.value)
    assert labels.load(backup) == ["a"]


def test_names_are_read_in_one_unicode_form(tmp_path):
    path = tmp_path / "labels.json"
    labels.save(path, ["cafe\u0301", "bar"])
    assert labels.load(path) == ["caf\u00e9", "bar"]
    assert labels.extend(labels.load(path), ["caf\u00e9"]) == ["caf\u00e9", "bar"]


def test_classes_with_an_order_of_their_own_keep_it():
    found = [str(number) for number in range(12)]
    assert labels.extend([], found, keeps_order=True) == found
    assert labels.extend(["3", "x"], found, keeps_order=True)[:4] == ["3", "x", "0", "1"]
    assert labels.extend([], found)[:3] == ["0", "1", "10"]
