import pytest

from data import errors
from data.sources import columns, config
from data.sources.table import Table


def chosen(names, prescribed=(None, None), **settings) -> dict[str, str]:
    table = Table(tuple(names), lambda _: iter(()), "line", "CSV", *prescribed)
    found = columns.choose(table, config.LabelsConfig(**settings), "m.csv")
    roles = {role: getattr(found, role) for role in ("path", "label", "split", "group")}
    return {role: names[place] for role, place in roles.items() if place is not None}


def refused(names, **settings) -> str:
    with pytest.raises(errors.DataError) as caught:
        chosen(names, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["file_name", "label"], ("file_name", "label")),
        (["label", "path"], ("path", "label")),
        (["File Name", "LABELS"], ("File Name", "LABELS")),
        (["image_id", "id", "class"], ("image_id", "class")),
        (["id", "breed"], ("id", "breed")),
        (["cultivar", "image"], ("image", "cultivar")),
        (["image_name", "tags"], ("image_name", "tags")),
        (["path", "file_name", "category", "label"], ("file_name", "label")),
    ],
)
def test_usual_names(names, found):
    assert chosen(names) == dict(zip(("path", "label"), found, strict=True))


def test_optional_columns():
    names = ["file_name", "label", "split", "group", "patient"]
    assert chosen(names) == {
        "path": "file_name", "label": "label", "split": "split", "group": "group"
    }  # fmt: skip
    assert chosen(names, split_column="none", group_column="patient") == {
        "path": "file_name", "label": "label", "group": "patient"
    }  # fmt: skip


def test_settings_go_before_what_a_format_prescribes_and_that_before_usual_names():
    names = ["image", "label", "kind", "mood"]
    assert chosen(names, (None, "kind"))["label"] == "kind"
    assert chosen(names, (None, "kind"), label_column="mood")["label"] == "mood"


def test_a_column_that_is_not_there():
    assert refused(["file_name", "label"], label_column="lable", split_column="splits") == (
        "- m.csv has no column 'lable' (labels.label_column). Did you mean label?\n"
        "- m.csv has no column 'splits' (labels.split_column). Its columns are file_name, label."
    )
    assert "Did you mean Label?" in refused(["file_name", "Label"], label_column="label")


def test_columns_that_are_missing():
    assert refused(["a", "b", "file_nme"]) == (
        "- m.csv has no column of paths, such as file_name; its columns are a, b, file_nme. Name it:"
        " --labels.path-column file_nme.\n"
        "- m.csv has no column of labels, such as label; its columns are a, b, file_nme. Name it:"
        " --labels.label-column NAME."
    )
    assert "its columns are c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, …" in refused(
        [f"c{i}" for i in range(99)]
    )


def test_one_column_twice_or_for_two_things():
    assert "has two columns 'label' (labels.label_column)" in refused(
        ["file_name", "label", "label"], label_column="label"
    )
    assert "cannot hold both paths and labels" in refused(["file_name"], label_column="file_name")


def test_a_column_of_splits_is_none_of_labels():
    assert "has no column of labels" in refused(["file_name", "split"])
