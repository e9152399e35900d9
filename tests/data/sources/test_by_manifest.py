import json
import os
import shutil

import pytest

from data import errors
from data.layout import describe
from data.layout.unused import Reason
from data.sources import registry as label_sources
from tests.data import manifests
from tests.data.folders import touch

ROWS = [
    {"file_name": "a.jpg", "label": "cat"},
    {"file_name": "b/b.jpg", "label": "dog"},
    {"file_name": "b/c.jpg", "label": "cat"},
]
PATHS = ("a.jpg", "b/b.jpg", "b/c.jpg")
LABELS = {"a.jpg": ("cat",), "b/b.jpg": ("dog",), "b/c.jpg": ("cat",)}


def refused(data_dir, *options, **settings) -> str:
    asked = manifests.request(data_dir, *options, **settings)
    with pytest.raises(errors.UserError) as caught:
        label_sources.check(label_sources.scan(asked), asked)
    return str(caught.value)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_metadata_beside_the_images_is_found(tmp_path, name):
    manifests.write(touch(tmp_path, *PATHS) / name, ROWS)
    listing = manifests.listed(tmp_path)
    assert (listing.manifest, manifests.labels(listing)) == (name, LABELS)
    assert listing.given_splits == set()
    assert listing.unused.total == 0


def test_a_manifest_is_given_as_the_data_folder(tmp_path):
    path = manifests.write(touch(tmp_path, *PATHS) / "train.tsv", ROWS)
    listing = manifests.listed(path)
    assert (listing.root, listing.manifest) == (tmp_path, "train.tsv")
    assert manifests.labels(listing) == LABELS
    assert manifests.listed(tmp_path, file=path).files == listing.files


def test_a_manifest_outside_of_the_data_folder(tmp_path):
    touch(tmp_path / "images", *PATHS)
    path = manifests.write(tmp_path / "labels.csv", ROWS)
    listing = manifests.listed(tmp_path / "images", file=path)
    assert manifests.labels(listing) == LABELS
    assert listing.manifest == str(path)


def test_ids_without_a_suffix_in_a_folder_of_images(tmp_path):
    """As in Kaggle's competitions: labels.csv, train/, test/."""
    touch(tmp_path, "train/00a.jpg", "train/00b.jpg", "train/0.1.jpg", "test/00c.jpg")
    rows = [{"id": name, "breed": name[-1]} for name in ("00a", "00b", "0.1")]
    path = manifests.write(tmp_path / "labels.csv", rows)
    message = refused(path)
    assert "labels.csv: rows whose file does not exist: 3 (line 2: 00a; line 3: 00b;" in message
    assert (
        "train/00a.jpg exists: try --labels.suffix .jpg --labels.images-dir"
        f" {tmp_path / 'train'}." in message
    )
    listing = manifests.listed(path, suffix="jpg", images_dir=tmp_path / "train")
    assert manifests.labels(listing) == {
        "train/00a.jpg": ("a",),
        "train/00b.jpg": ("b",),
        "train/0.1.jpg": ("1",),
    }
    assert (
        "labels:  labels.csv (CSV, UTF-8, 3 rows): path in id, label in breed" in listing.understood
    )
    shutil.move(path, tmp_path / "train" / "labels.csv")
    assert "train/labels.csv" not in refused(tmp_path / "train" / "labels.csv")
    listing = manifests.listed(tmp_path / "train" / "labels.csv", suffix=".jpg")
    assert (listing.root, len(listing.files)) == (tmp_path / "train", 3)


def test_images_elsewhere_are_the_data_folder(tmp_path):
    touch(tmp_path / "images", *PATHS)
    (tmp_path / "lists").mkdir()
    path = manifests.write(tmp_path / "lists" / "labels.csv", ROWS)
    listing = manifests.listed(path, images_dir=tmp_path / "images")
    assert listing.root == tmp_path / "images"
    assert manifests.labels(listing) == LABELS
    message = refused(tmp_path / "lists", file=path, images_dir=tmp_path / "images")
    assert "lies outside of the data folder" in message


def test_two_manifests_are_refused(tmp_path):
    one = manifests.write(touch(tmp_path, *PATHS) / "metadata.csv", ROWS)
    other = manifests.write(tmp_path / "metadata.jsonl", ROWS)
    assert "Both metadata.csv and metadata.jsonl lie in" in refused(tmp_path)
    assert manifests.labels(manifests.listed(tmp_path, file=one))["a.jpg"] == ("cat",)
    with pytest.raises(errors.ConfigError, match="give the folder of the images"):
        manifests.request(one, file=other)
    assert manifests.request(one, file=one).labels.file == one


def test_metadata_of_split_folders_gives_the_splits(tmp_path):
    for split in ("train", "test_set"):
        touch(tmp_path / split, *PATHS)
        manifests.write(tmp_path / split / "metadata.csv", ROWS)
    listing = manifests.listed(tmp_path)
    found = {file.path: (file.labels[0], file.split) for file in listing.files}
    assert found["train/a.jpg"] == ("cat", "train")
    assert found["test_set/b/b.jpg"] == ("dog", "test")
    assert len(found) == 6
    assert listing.manifest == "test_set/metadata.csv, train/metadata.csv"


def test_class_folders_stay_class_folders_beside_other_metadata(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/2.jpg")
    rows = [{"file_name": "cat/1.jpg", "text": "a cat", "width": 3}]
    manifests.write(tmp_path / "metadata.csv", rows)
    listing = manifests.listed(tmp_path)
    assert listing.manifest == ""
    assert listing.class_names == ["cat", "dog"]
    # With labels in it, it goes before the folders' names, unless told otherwise.
    rows = [{"file_name": "cat/1.jpg", "label": "x"}, {"file_name": "dog/2.jpg", "label": "y"}]
    manifests.write(tmp_path / "metadata.csv", rows)
    assert manifests.listed(tmp_path).class_names == ["x", "y"]
    assert manifests.listed(tmp_path, format="folders").class_names == ["cat", "dog"]
    folders = {"layout": "classes"}
    assert manifests.listed(tmp_path, folders=folders).class_names == ["cat", "dog"]


def test_metadata_without_labels_and_without_class_folders_is_refused(tmp_path):
    touch(tmp_path, "1.jpg")
    manifests.write(tmp_path / "metadata.csv", [{"file_name": "1.jpg", "text": "a cat", "n": 1}])
    message = refused(tmp_path)
    assert (
        "metadata.csv has no column of labels, such as label; its columns are file_name," in message
    )
    assert "Name it: --labels.label-column NAME." in message
    assert "no column 'txt' (labels.label_column). Did you mean text?" in refused(
        tmp_path, label_column="txt"
    )


def test_splits_have_the_usual_names(tmp_path):
    names = ["Training", "val", "validation_set", "TEST", "holdout", ""]
    rows = [
        {"file_name": f"{i}.jpg", "label": "ab"[i % 2], "split": name}
        for i, name in enumerate(names)
    ]
    touch(tmp_path, *(row["file_name"] for row in rows))
    manifests.write(tmp_path / "metadata.csv", rows)
    listing = manifests.listed(tmp_path)
    assert [file.split for file in listing.files] == ["train", "eval", "eval", "test", "test", None]
    assert listing.given_splits == {"train", "eval", "test"}
    assert "train 1 in metadata.csv" in "\n".join(describe.lines(listing))
    ignored = manifests.listed(tmp_path, split_column="none")
    assert ignored.given_splits == set()


def test_groups_and_those_that_given_splits_divide(tmp_path):
    rows = [
        {"file_name": "1.jpg", "label": "a", "split": "train", "patient": "p1"},
        {"file_name": "2.jpg", "label": "b", "split": "test", "patient": "p1"},
        {"file_name": "3.jpg", "label": "b", "split": "train", "patient": ""},
    ]
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    manifests.write(tmp_path / "metadata.csv", rows)
    listing = manifests.listed(tmp_path, group_column="patient")
    assert [file.group for file in listing.files] == ["p1", "p1", None]
    assert "1 group in several given splits, which are kept: p1" in listing.understood
    assert {file.group for file in manifests.listed(tmp_path).files} == {None}


def test_what_is_not_used_is_told(tmp_path):
    rows = [{**row, "weight": 2, "width": 3} for row in ROWS]
    manifests.write(touch(tmp_path, *PATHS, "b/d.jpg", "notes.txt") / "metadata.csv", rows)
    listing = manifests.listed(tmp_path)
    printed = "\n".join(describe.lines(listing))
    assert "columns that are not used: width\n" in printed
    assert "weight is not used: every training image counts the same" in printed
    assert "1 image file that the manifest does not name; --labels.unlisted refuse or" in printed
    assert "that the manifest does not name: 2 (b/d.jpg, notes.txt)" in printed
    assert listing.unused.files == {Reason.NOT_IN_MANIFEST: 2}
    assert "--labels.unlisted" not in "\n".join(
        describe.lines(manifests.listed(tmp_path, unlisted="ignore"))
    )
    assert (
        "does not name 1 image file (b/d.jpg, notes.txt), and labels.unlisted is refuse"
        in refused(tmp_path, unlisted="refuse")
    )
    os.remove(tmp_path / "b" / "d.jpg")
    asked = manifests.request(tmp_path, unlisted="refuse")
    label_sources.check(label_sources.scan(asked), asked)


def test_classes_that_are_left_out(tmp_path):
    manifests.write(touch(tmp_path, *PATHS) / "metadata.csv", ROWS)
    listing = manifests.listed(tmp_path, folders={"exclude_classes": ["dog"]})
    assert manifests.labels(listing) == {"a.jpg": ("cat",), "b/c.jpg": ("cat",)}
    assert listing.unused.files == {Reason.EXCLUDED_CLASS: 1}
    # Where an image may have any number of labels, it only loses this one.
    any_number = manifests.listed(tmp_path, "any", {"exclude_classes": ["dog"]})
    assert manifests.labels(any_number) == {**LABELS, "b/b.jpg": ()}


def test_any_number_of_labels(tmp_path):
    rows = [
        {"file_name": "a.jpg", "labels": ["sky", "tree"]},
        {"file_name": "b/b.jpg", "labels": []},
        {"file_name": "b/c.jpg", "labels": ["tree"]},
    ]
    touch(tmp_path, *PATHS)
    expected = {"a.jpg": ("sky", "tree"), "b/b.jpg": (), "b/c.jpg": ("tree",)}
    for name in ("labels.csv", "labels.jsonl", "labels.parquet"):
        path = manifests.write(tmp_path / name, rows)
        assert manifests.labels(manifests.listed(path, "any")) == expected, name
        message = refused(path)
        assert "rows with several labels: 1 (" in message
        assert "sky, tree). ADVICE." in message
        assert ("--labels.separator none" in message) == (name == "labels.csv")
        assert "rows without a label: 1 (" in message
        path.unlink()


def test_rows_of_one_file_add_up_where_it_may_have_several_labels(tmp_path):
    rows = [{"file_name": "a.jpg", "label": name} for name in ("sky", "tree", "sky")]
    path = manifests.write(touch(tmp_path, "a.jpg") / "metadata.csv", rows)
    listing = manifests.listed(tmp_path, "any")
    assert manifests.labels(listing) == {"a.jpg": ("sky", "tree")}
    assert "rows whose labels are added to those of an earlier one: 2" in listing.understood
    assert (
        "metadata.csv: rows that contradict an earlier one about the same file: 1 (line 3: a.jpg is"
        " tree, before sky)." in refused(tmp_path)
    )
    manifests.write(path, [rows[0], rows[2]])
    assert "rows that repeat an earlier one: 1" in manifests.listed(tmp_path).understood


def test_an_edited_label_split_or_group_changes_the_fingerprint(tmp_path):
    """With the same size and time: the content counts."""
    row = {"file_name": "a.jpg", "label": "cat", "split": "train", "group": "g1"}
    rows = [row, {"file_name": "b/b.jpg", "label": "dog", "split": "test", "group": "g2"}]
    path = manifests.write(touch(tmp_path, *PATHS[:2]) / "metadata.csv", rows)
    found = [manifests.listed(tmp_path).fingerprint()]
    times = path.stat()
    for change in ({"label": "cow"}, {"split": "val"}, {"group": "g3"}, {}):
        manifests.write(path, [{**row, **change}, rows[1]])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        found.append(manifests.listed(tmp_path).fingerprint())
    assert len(set(found)) == 4
    assert found[-1] == found[0]
    # A column that is not read changes nothing, nor does the order of rows or the format.
    manifests.write(path, [{**rows[1], "note": "x"}, row])
    assert manifests.listed(tmp_path).fingerprint() == found[0]
    path.unlink()
    manifests.write(tmp_path / "metadata.jsonl", rows)
    assert manifests.listed(tmp_path).fingerprint() == found[0]


def test_too_few_classes_and_a_wrong_column(tmp_path):
    touch(tmp_path, *(f"{i}.jpg" for i in range(150)))
    rows = [{"file_name": f"{i}.jpg", "label": "cat", "score": i / 150} for i in range(150)]
    manifests.write(tmp_path / "metadata.csv", rows)
    assert "has one label, 'cat'; a classifier needs at least two" in refused(tmp_path)
    assert "150 labels, 150 of them on a single image" in refused(tmp_path, label_column="score")
    manifests.write(tmp_path / "metadata.csv", [{**row, "split": "test"} for row in rows])
    assert "has no row for training: all are in test." in refused(tmp_path)
    assert "names no image that has a label" in refused(
        tmp_path, folders={"exclude_classes": ["cat"]}
    )


def test_a_split_without_a_class_is_asked_about(tmp_path):
    rows = [{**row, "split": "test" if row["label"] == "dog" else "train"} for row in ROWS]
    manifests.write(touch(tmp_path, *PATHS) / "metadata.csv", rows)
    message = refused(tmp_path)
    assert "The test split of" in message and "Is a label misspelt?" in message
    asked = manifests.request(tmp_path, folders={"allow_missing_classes": True})
    label_sources.check(label_sources.scan(asked), asked)


def test_settings_of_spans_and_folders_that_are_not_there(tmp_path):
    manifests.write(touch(tmp_path, *PATHS) / "metadata.csv", ROWS)
    assert "a manifest has no spans" in refused(tmp_path, folders={"spans": {"window": 2}})
    message = refused(tmp_path, file=tmp_path / "metadata.csv", folders={"layout": "splits"})
    assert "ingest.layout is splits, which is about the names of folders" in message
    assert "which is no folder" in refused(tmp_path, images_dir=tmp_path / "nowhere")
    path = tmp_path / "nowhere.csv"
    assert "nowhere.csv cannot be used: there is no such file" in refused(tmp_path, file=path)
    assert "nowhere does not exist" in refused(tmp_path / "nowhere", file=path)
    text = touch(tmp_path, "labels.txt") / "labels.txt"
    assert "labels.txt is no manifest by its name" in refused(text)


def test_the_source_is_only_read(tmp_path):
    manifests.write(touch(tmp_path, *PATHS) / "metadata.csv", ROWS)
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    manifests.listed(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


def test_images_that_nobody_labelled_yet(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg")

    def task(name: str, *chosen: str) -> dict:
        result = [{"type": "choices", "from_name": "kind", "value": {"choices": list(chosen)}}]
        annotations = [{"result": result}] if chosen else []
        return {"data": {"image": name}, "annotations": annotations}

    tasks = [task("1.jpg", "cat"), task("2.jpg", "dog"), task("3.jpg")]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    listing = manifests.listed(path)
    assert manifests.labels(listing) == {"1.jpg": ("cat",), "2.jpg": ("dog",)}
    assert listing.unused.files == {Reason.NOT_LABELLED_YET: 1}
