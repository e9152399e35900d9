import pytest

from data import errors, labels


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
    ("text", "message"), [("{", "is no JSON"), ("{}", "must hold a list"), ('["a","a"]', "twice")]
)
def test_refuses_what_is_no_label_map(tmp_path, text, message):
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(errors.DataError, match=message):
        labels.load(path)
