import os

import pytest

from data import errors
from data.layout import class_checks
from data.layout import config as folder_config
from data.sources import by_folder
from data.splits import folder
from tests.data.folders import touch


def refused(root, **config) -> str:
    settings = folder_config.FolderConfig(**config)
    with pytest.raises(errors.DataError) as caught:
        class_checks.check(by_folder.scan(root, settings), settings)
    return str(caught.value)


def accepted(root, **config) -> folder.Listing:
    settings = folder_config.FolderConfig(**config)
    listing = by_folder.scan(root, settings)
    class_checks.check(listing, settings)
    return listing


def many(prefix: str, count: int) -> list[str]:
    return [f"{prefix}/{index}.jpg" for index in range(count)]


def test_class_names_must_be_text(tmp_path):
    touch(tmp_path, "cat/a", os.fsdecode(b"d\xf6g") + "/b")
    with pytest.raises(errors.DataError, match=r"The names of the class folders d\\udcf6g in"):
        class_checks.check(by_folder.scan(tmp_path))


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "holds no image in a class folder. Expected"),
        (
            ["a.jpg", "b.jpg"],
            "not used are files outside of class folders: 2 (a.jpg, b.jpg). Expected",
        ),
        (["cat/a.txt"], "not used are files in folders without an image: 1 (cat/a.txt). Expected"),
        (["only/a.jpg"], "holds images of one class, 'only'; a classifier needs at least two"),
        (
            ["cat/a.jpg", "dog/b.txt"],
            "not used are files in folders without an image: 1 (dog/b.txt)",
        ),
        (["photos/cat/a.jpg", "photos/dog/b.jpg"], "Did you mean --data-dir"),
        (["test/cat/a", "test/dog/b", "train/x/y.txt"], "train holds no image in a class folder"),
    ],
)
def test_refuses_what_makes_no_classifier(tmp_path, paths, message):
    assert message in refused(touch(tmp_path, *paths))


def test_no_hint_at_a_folder_without_class_folders(tmp_path):
    assert "Did you mean" not in refused(touch(tmp_path, "cat/a.jpg", "cat/b.jpg"))
    assert "Did you mean" not in refused(touch(tmp_path, "cat/x/1.txt", "cat/y/2.txt"))


@pytest.mark.parametrize("missing", ["val/dog", "train/dog", "test/cat"])
def test_a_class_missing_from_a_split_folder_is_refused(tmp_path, missing):
    paths = [f"{part}/{name}/a" for part in ("train", "val", "test") for name in ("cat", "dog")]
    touch(tmp_path, *(path for path in paths if not path.startswith(missing)))
    touch(tmp_path, "train/bird/a", "val/bird/a", "test/bird/a")
    part, name = missing.replace("val", "eval").split("/")
    message = refused(tmp_path)
    assert f"The {part} folder of {tmp_path} lacks '{name}'" in message
    assert "--ingest.allow-missing-classes true" in message
    accepted(tmp_path, allow_missing_classes=True)


def test_one_name_in_two_unicode_forms_is_in_both_splits(tmp_path):
    touch(tmp_path, "train/caf\u00e9/a", "train/bar/b", "test/cafe\u0301/c", "test/bar/d")
    assert accepted(tmp_path).class_names == ["bar", "caf\u00e9"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (
            ["train/a.jpg", "test/b.jpg"],
            "'test', 'train' in .* would be classes, but are named like a split",
        ),
        (
            ["train/a.jpg", "bus/b.jpg"],
            "'train' in .* would be a class, but is named like a split. A split",
        ),
        (
            ["2024-05-01/a.jpg", "cat/b.jpg"],
            "'2024-05-01' .* is named like a date or a span. A span",
        ),
        (["span-1/a.jpg", "cat/b.jpg"], "'span-1' .* is named like a date or a span"),
        (["photos.zip/a.jpg", "cat/b.jpg"], "'photos.zip' .* is named like an unpacked archive"),
        (["images/a.jpg", "masks/b.jpg"], "'images', 'masks' .* a folder of something else"),
    ],
)
def test_doubtful_class_names_are_asked_about(tmp_path, paths, expected):
    message = refused(touch(tmp_path, *paths))
    with pytest.raises(AssertionError, match=expected):
        raise AssertionError(message)
    assert "--ingest.accept-class-names true" in message
    assert accepted(tmp_path, accept_class_names=True).class_names == sorted(
        {path.partition("/")[0] for path in paths}
    )
    accepted(tmp_path, layout="classes")


def test_splits_below_classes_are_not_thrown_together_silently(tmp_path):
    touch(tmp_path, *(f"{name}/{part}/1" for name in ("cat", "dog") for part in ("train", "test")))
    message = refused(tmp_path)
    assert "'cat/test', 'cat/train', 'dog/test', 'dog/train'. Splits are read as train" in message
    assert len(accepted(tmp_path, layout="classes").files) == 4
    for day in (1, 2):
        touch(tmp_path / "spans", *(f"span-{day}/{name}/valid/1" for name in ("cat", "dog")))
    assert "named like splits" in refused(tmp_path / "spans")


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "flowers.zip").write_bytes(b"PK")
    assert "Unpack flowers.zip first." in refused(tmp_path)


def test_what_a_system_left_is_no_class(tmp_path):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg", "__MACOSX/._a.jpg", "__MACOSX/cat/x.jpg")
    assert accepted(tmp_path).class_names == ["cat", "dog"]


def test_few_unused_images_pass_and_many_are_refused(tmp_path):
    touch(tmp_path, *many("cat", 60), *many("dog", 60), "loose.jpg", "read.me.txt")
    assert accepted(tmp_path).unused.lost_images == 1
    touch(tmp_path, "loose2.jpg")
    message = refused(tmp_path)
    assert (
        "2 of 122 image files in" in message
        and "(1.6%) would not be used, more than ingest.max-unused-share (1.0%)" in message
    )
    assert "outside of class folders: 3 (loose.jpg, loose2.jpg, read.me.txt)" in message
    assert "--ingest.max-unused-share 0.02" in message
    accepted(tmp_path, max_unused_share=0.02)


def test_an_unlabelled_test_folder_is_refused_until_allowed(tmp_path):
    touch(tmp_path, *many("train/cat", 4), *many("train/dog", 4), *many("test", 3))
    assert "in a split without class folders: 3 (test/0.jpg, " in refused(tmp_path)
    assert accepted(tmp_path, max_unused_share=0.28).given_splits == {"train"}


def test_a_class_called_train_beside_others_with_folders(tmp_path):
    names = [
        f"{name}/{time}/1.jpg" for name in ("bus", "car", "train") for time in ("day", "night")
    ]
    assert "If train is a class and not a split: --ingest.layout classes" in refused(
        touch(tmp_path, *names)
    )
    assert accepted(tmp_path, layout="classes").class_names == ["bus", "car", "train"]


def test_class_folders_beside_spans_are_refused(tmp_path):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg", "2024-05-01/cat/c.jpg", "2024-05-01/dog/d.jpg")
    message = refused(tmp_path)
    assert "holds spans ('2024-05-01') and images beside them" in message
    assert "in folders beside the spans: 2 (cat/a.jpg, dog/b.jpg)" in message
    alone = {"pattern": "{YYYY}-{MM}-{DD}"}
    assert "--ingest.max-unused-share 0.5" in message
    assert len(accepted(tmp_path, spans=alone, max_unused_share=0.5).files) == 2


def test_a_link_in_the_place_of_a_class_is_refused(tmp_path):
    touch(tmp_path, "root/cat/a.jpg", "root/dog/b.jpg", "elsewhere/c.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "bird")
    message = refused(tmp_path / "root")
    assert "'bird' in" in message
    assert "is a link to a folder; links are not followed." in message
    assert "--ingest.exclude-classes bird" in message
    accepted(tmp_path / "root", exclude_classes=["bird"])
    accepted(tmp_path / "root", max_unused_share=1)


def test_a_folder_of_links_alone_names_the_cause(tmp_path):
    touch(tmp_path, "elsewhere/c.jpg")
    (tmp_path / "root").mkdir()
    for name in ("cat", "dog"):
        os.symlink(tmp_path / "elsewhere", tmp_path / "root" / name)
    assert "Links are not followed: put copies there." in refused(tmp_path / "root")


def test_several_problems_come_at_once(tmp_path):
    message = refused(touch(tmp_path, "test/a.jpg", "2024-05-01/b.jpg", "loose.jpg"))
    for part in ("like a split", "like a date", "would not be used"):
        assert part in message


def test_names_with_commas_are_given_as_json(tmp_path):
    os.makedirs(tmp_path / "root")
    touch(tmp_path / "root", "cat/a.jpg", "dog/b.jpg")
    os.symlink(tmp_path, tmp_path / "root" / "a,b c")
    assert """--ingest.exclude-classes '["a,b c"]'""" in refused(tmp_path / "root")
