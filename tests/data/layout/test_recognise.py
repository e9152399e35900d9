import pytest

from data.layout import config as folder_config
from data.layout import names
from data.sources import by_folder
from tests.data.folders import touch


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", "TRAIN", "train_set", "train-images")),
        *((name, "train") for name in ("Training Data", "seg_train", "TrainingSet", "traindata")),
        *((name, "train") for name in ("train2017", "images_train", "trainset")),
        *((name, "eval") for name in ("val", "valid", "Validation", "dev", "eval", "val2017")),
        *((name, "eval") for name in ("validation_set", "ValImages", "Evaluation")),
        *((name, "test") for name in ("test", "Testing", "test_set", "holdout", "hold-out")),
        *((name, None) for name in ("trainer", "train station", "freight train", "contest")),
        *((name, None) for name in ("train_test", "images", "2017", "", "train1", "trainannot")),
        *((name, None) for name in ("steam_train", "devil", "valley", "latest", "tested")),
    ],
)
def test_names_of_splits(name, split):
    assert names.split_of(name) == split


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("test", names.Doubt.SPLIT),
        ("2024-05-01", names.Doubt.DATE),
        ("20240501", names.Doubt.DATE),
        ("2024-05", names.Doubt.DATE),
        ("span-3", names.Doubt.DATE),
        ("archive (1)", names.Doubt.ARCHIVE),
        ("photos.tar", names.Doubt.ARCHIVE),
        ("labels", names.Doubt.CONTAINER),
        *((name, None) for name in ("0", "7", "2024", "99999999", "20241399", "cat", "archiver")),
    ],
)
def test_doubtful_names(name, doubt):
    assert names.doubt(name) is doubt


CLASSES = ("cat/1.jpg", "dog/2.jpg")


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("Training", "Testing"), {"train": ["Training"], "test": ["Testing"]}),
        (("train_set", "test_set"), {"train": ["train_set"], "test": ["test_set"]}),
        (("train", "dev", "holdout"), {"train": ["train"], "eval": ["dev"], "test": ["holdout"]}),
        (
            ("dataset/Training Data", "dataset/Test Data"),
            {"train": ["dataset/Training Data"], "test": ["dataset/Test Data"]},
        ),
        (
            ("seg_train/seg_train", "seg_test/seg_test"),
            {"train": ["seg_train/seg_train"], "test": ["seg_test/seg_test"]},
        ),
        (("train/images", "val/images"), {"train": ["train/images"], "eval": ["val/images"]}),
        (("train",), {"train": ["train"]}),
        (("train", "val", "eval"), {"train": ["train"], "eval": ["eval", "val"]}),
    ],
)
def test_layouts_of_splits(tmp_path, folders, splits):
    touch(tmp_path, *(f"{part}/{name}" for part in folders for name in CLASSES))
    listing = by_folder.scan(tmp_path)
    assert listing.splits == splits
    assert listing.class_names == ["cat", "dog"]
    assert listing.given_splits == splits.keys()
    assert listing.unused.total == 0


def test_images_to_be_predicted_are_an_unlabelled_split(tmp_path):
    touch(tmp_path, *(f"seg_train/seg_train/{name}" for name in CLASSES))
    touch(tmp_path, "seg_pred/seg_pred/1.jpg", "seg_pred/seg_pred/2.jpg")
    listing = by_folder.scan(tmp_path)
    assert {reason.value: n for reason, n in listing.unused.files.items()} == {
        "unlabelled_split": 2
    }


def test_a_train_folder_with_images_and_folders(tmp_path):
    """A class with subfolders where other classes are beside it, a split where other splits are."""
    touch(tmp_path / "one", "train/1.jpg", "train/steam/2.jpg", "bus/3.jpg")
    assert by_folder.scan(tmp_path / "one").class_names == ["bus", "train"]
    touch(
        tmp_path / "two", "train/1.jpg", *(f"{s}/{c}" for s in ("train", "test") for c in CLASSES)
    )
    assert by_folder.scan(tmp_path / "two").class_names == ["cat", "dog"]


def test_the_layout_can_be_said(tmp_path):
    touch(tmp_path, "train/1.jpg", "train/steam/2.jpg", "train/diesel/3.jpg", "bus/3.jpg")
    splits = by_folder.scan(tmp_path, folder_config.FolderConfig(layout="splits"))
    assert splits.class_names == ["diesel", "steam"]
    classes = by_folder.scan(tmp_path, folder_config.FolderConfig(layout="classes"))
    assert classes.class_names == ["bus", "train"]
