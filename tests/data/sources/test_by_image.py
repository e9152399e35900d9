"""Images without labels: accepted where no labels are needed, and only where there can be none."""

import pytest

from data import errors
from data.layout import config as folder_config
from data.layout.unused import Reason
from data.sources import config as label_config
from data.sources import label_source, registry
from tests.data import manifests
from tests.data.folders import touch

RULE = label_source.LabelRule(needed=False)


def asked(root, rule=RULE, labels=label_config.DEFAULT, **folders):
    return registry.request(root, folder_config.FolderConfig(**folders), labels, rule)


def listed(root, *rest, **folders):
    request = asked(root, *rest, **folders)
    listing = registry.scan(request)
    registry.check(listing, request)
    return listing


def test_a_flat_folder_is_images_without_labels(tmp_path):
    touch(tmp_path, "b.jpg", "a.png", "notes.txt", ".hidden.jpg", "more/readme.md")
    listing = listed(tmp_path)
    assert [file.path for file in listing.files] == ["a.png", "b.jpg"]
    assert listing.class_names == [] and not listing.given_splits
    assert dict(listing.unused.files) == {Reason.NO_IMAGE_FILE: 2, Reason.HIDDEN_OR_SYSTEM: 1}
    assert listing.found == 5
    lines = registry.lines(listing)
    assert lines[0] == f"{tmp_path}: 2 files"
    assert "none, the images lie in no class folder" in lines[1]
    assert not any("classes" in line for line in lines)


def test_an_added_image_changes_the_fingerprint(tmp_path):
    before = listed(touch(tmp_path, "a.jpg", "b.jpg")).fingerprint()
    assert listed(touch(tmp_path, "c.jpg")).fingerprint() != before


def test_where_labels_are_needed_it_is_refused(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(errors.DataError, match="holds no image in a class folder"):
        listed(tmp_path, label_source.ONE)


def test_class_folders_have_labels_all_the_same(tmp_path):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    assert listed(tmp_path).class_names == ["cat", "dog"]
    touch(tmp_path, "loose.jpg")
    with pytest.raises(errors.DataError, match=r"1 of 3 image files .* would not be used"):
        listed(tmp_path)


def test_the_only_folder_with_images_is_named(tmp_path):
    touch(tmp_path, "photos/a.jpg", "photos/b.jpg")
    with pytest.raises(errors.DataError, match=f"--data-dir {tmp_path}/photos reads them without"):
        listed(tmp_path)


def test_settings_of_a_manifest_are_refused(tmp_path):
    touch(tmp_path, "a.jpg")
    with pytest.raises(errors.DataError, match=r"labels\.label_column given, but no manifest"):
        listed(tmp_path, RULE, label_config.LabelsConfig(label_column="species"))


def test_split_folders_without_class_folders_give_the_splits(tmp_path):
    touch(tmp_path, "train/a.jpg", "train/b.jpg", "val/c.jpg", "Test Data/d.jpg", "about/readme.md")
    listing = listed(tmp_path)
    assert {file.path: file.split for file in listing.files} == {
        "train/a.jpg": "train", "train/b.jpg": "train", "val/c.jpg": "eval", "Test Data/d.jpg": "test",
    }  # fmt: skip
    assert listing.class_names == []
    assert listing.splits == {"train": ["train"], "eval": ["val"], "test": ["Test Data"]}
    assert dict(listing.unused.files) == {Reason.BESIDE_SPLIT_FOLDERS: 1}


@pytest.mark.parametrize(
    "more", ["test/cat/c.jpg", "loose.jpg", "more/c.jpg"], ids=["class", "loose", "beside"]
)
def test_what_is_no_clear_split_is_refused_as_before(tmp_path, more):
    touch(tmp_path, "train/a.jpg", "val/b.jpg", more)
    with pytest.raises(errors.DataError, match="would be classes, but are named like a split"):
        listed(tmp_path)


def test_classes_may_be_named_like_splits_where_that_is_said(tmp_path):
    touch(tmp_path, "train/a.jpg", "test/b.jpg")
    assert listed(tmp_path, accept_class_names=True).class_names == ["test", "train"]


def test_spans_of_images_without_labels(tmp_path):
    touch(tmp_path, "2031-05-01/a.jpg", "2031-05-02/b.jpg", "2031-05-03/c.jpg", "notes.txt")
    listing = listed(tmp_path, spans={"window": 2})
    assert {file.path: file.span for file in listing.files} == {
        "2031-05-02/b.jpg": 20310502, "2031-05-03/c.jpg": 20310503,
    }  # fmt: skip
    assert [span.number for span in listing.spans] == [20310502, 20310503]
    assert dict(listing.unused.files) == {Reason.SPAN_OUTSIDE_WINDOW: 1, Reason.BESIDE_SPANS: 1}
    assert listing.class_names == [] and not listing.given_splits


def test_spans_of_split_folders_and_one_that_is_being_written(tmp_path):
    touch(tmp_path, "span-1/train/a.jpg", "span-1/test/b.jpg", "span-2/c.jpg", "span-3/d.jpg")
    for name in ("span-1", "span-2"):
        (tmp_path / name / "_SUCCESS").touch()
    listing = listed(tmp_path, spans={"complete_only": True})
    found = {file.path: (file.split, file.span) for file in listing.files}
    assert found == {
        "span-1/train/a.jpg": ("train", 1), "span-1/test/b.jpg": ("test", 1), "span-2/c.jpg": (None, 2),
    }  # fmt: skip
    assert listing.splits == {"train": ["train"], "test": ["test"]}
    assert listing.unused.images[Reason.SPAN_INCOMPLETE] == 1


def test_a_span_with_classes_is_refused_beside_one_without(tmp_path):
    touch(tmp_path, "2031-05-01/a.jpg", "2031-05-02/cat/b.jpg")
    with pytest.raises(
        errors.DataError, match=r"like a date or a span\. A span holds class folders"
    ):
        listed(tmp_path)


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        ([{"file_name": "a.jpg"}, {"file_name": "b.jpg"}], {}),
        ([{"file_name": "a.jpg", "width": 3}, {"file_name": "b.jpg"}], {"label_column": "none"}),
    ],
    ids=["no-column", "said"],
)
def test_a_manifest_without_labels(tmp_path, rows, settings):
    manifests.write(touch(tmp_path, "a.jpg", "b.jpg", "c.jpg") / "metadata.csv", rows)
    listing = listed(tmp_path, RULE, label_config.LabelsConfig(**settings))
    assert manifests.labels(listing) == {"a.jpg": (), "b.jpg": ()}
    assert "path in file_name; no labels" in listing.understood[0]
    assert dict(listing.unused.images) == {Reason.NOT_IN_MANIFEST: 1}
    with pytest.raises(errors.DataError, match=r"metadata\.csv has no column of labels"):
        listed(tmp_path, label_source.ONE, label_config.LabelsConfig(**settings))


def test_its_columns_of_splits_and_groups_are_read_and_others_doubted(tmp_path):
    rows = [
        {"file_name": "a.jpg", "split": "train", "group": "7"},
        {"file_name": "b.jpg", "split": "test", "group": ""},
    ]
    path = manifests.write(touch(tmp_path, "a.jpg", "b.jpg") / "list.csv", rows)
    found = {one.path: (one.split, one.group) for one in listed(path).files}
    assert found == {"a.jpg": ("train", "7"), "b.jpg": ("test", None)}
    manifests.write(path, [{**row, "species": "x"} for row in rows])
    with pytest.raises(errors.DataError, match=r"no labels: --labels\.label-column none"):
        listed(path)


def test_a_manifest_without_labels_leaves_class_folders_theirs(tmp_path):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    manifests.write(tmp_path / "metadata.csv", [{"file_name": "cat/a.jpg"}])
    assert listed(tmp_path).class_names == ["cat", "dog"]
