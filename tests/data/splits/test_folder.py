import os

import pytest

from data import errors
from data.images import decode, decode_config, heif
from data.layout import class_checks, empty_classes, unused
from data.layout import config as folder_config
from data.sources import by_folder
from tests.data.folders import PGM, touch, unused_in


def test_class_folders(tmp_path):
    listing = by_folder.scan(touch(tmp_path, "dog/b.jpg", "cat/a.jpg", "cat/deep/c.jpg"))
    assert [file.path for file in listing.files] == ["cat/a.jpg", "cat/deep/c.jpg", "dog/b.jpg"]
    assert listing.class_names == ["cat", "dog"]
    assert listing.given_splits == set()


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Validation"])
def test_split_folders_and_their_aliases(tmp_path, name):
    listing = by_folder.scan(touch(tmp_path, "train/cat/a", f"{name}/cat/b", "test/dog/c"))
    found = {(file.class_name, file.split) for file in listing.files}
    assert found == {("cat", "train"), ("cat", "eval"), ("dog", "test")}


def test_a_class_may_be_called_train(tmp_path):
    listing = by_folder.scan(touch(tmp_path, "train/a.jpg", "bus/b.jpg"))
    assert listing.class_names == ["bus", "train"]
    assert listing.given_splits == set()


def test_every_file_is_listed_or_unused_with_its_reason(tmp_path):
    paths = ["cat/a", "cat/.hidden", "cat/Thumbs.db", "README", ".git/x", "dog/b", "__MACOSX/c"]
    listing = by_folder.scan(touch(tmp_path, *paths))
    assert len(listing.files) == 2
    assert listing.found == len(paths)
    assert unused_in(tmp_path) == [
        (".git/x", "hidden_or_system"),
        ("README", "outside_class_folder"),
        ("__MACOSX/c", "hidden_or_system"),
        ("cat/.hidden", "hidden_or_system"),
        ("cat/Thumbs.db", "hidden_or_system"),
    ]


def test_folders_beside_split_folders_are_unused(tmp_path):
    listing = by_folder.scan(touch(tmp_path, "train/cat/a", "train/dog/b", "annotations/x.txt"))
    assert listing.class_names == ["cat", "dog"]
    assert unused_in(tmp_path) == [("annotations/x.txt", "beside_split_folders")]


def test_fingerprint_notices_a_move_between_classes(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    before = by_folder.scan(tmp_path).fingerprint()
    assert by_folder.scan(tmp_path).fingerprint() == before
    os.rename(tmp_path / "cat/a", tmp_path / "dog/a")
    assert by_folder.scan(tmp_path).fingerprint() != before


def test_fingerprint_notices_a_change_of_content(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    before = by_folder.scan(tmp_path).fingerprint()
    (tmp_path / "cat/a").write_bytes(b"longer")
    assert by_folder.scan(tmp_path).fingerprint() != before


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes exist on POSIX only")
def test_names_of_any_bytes(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    with open(os.fsencode(tmp_path) + b"/cat/\xff\xfe.jpg", "wb") as file:
        file.write(b"x")
    listing = by_folder.scan(tmp_path)
    assert len(listing.files) == 3
    assert len(listing.fingerprint()) == 64


def test_missing_folder_and_file_for_folder(tmp_path):
    with pytest.raises(errors.DataError, match=r"nowhere does not exist"):
        by_folder.scan(tmp_path / "nowhere")
    touch(tmp_path, "file")
    with pytest.raises(errors.DataError, match="is a file"):
        by_folder.scan(tmp_path / "file")


def test_links_to_folders_are_never_followed(tmp_path):
    touch(tmp_path, "root/cat/a", "elsewhere/x", "elsewhere/y")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "dog")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "cat" / "more")
    listing = by_folder.scan(tmp_path / "root")
    # The link within a class goes to quarantine; one in the place of a class makes no class.
    assert [file.path for file in listing.files] == ["cat/a", "cat/more"]
    assert unused_in(tmp_path / "root") == [("dog", "link_not_followed")]
    assert [row.path for row in listing.closed] == ["dog"]


def test_a_folder_that_cannot_be_listed_is_not_lost(tmp_path, monkeypatch):
    touch(tmp_path, "cat/a", "dog/b", "cat/locked/c")
    listing_of = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listing_of(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "cat/locked" in [file.path for file in by_folder.scan(tmp_path).files]


def test_a_class_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    touch(tmp_path, "cat/a", "dog/b", "bird/c")
    listing_of = os.scandir

    def scandir(path):
        if str(path).endswith("bird"):
            raise PermissionError(13, "Permission denied", str(path))
        return listing_of(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = by_folder.scan(tmp_path)
    assert listing.class_names == ["cat", "dog"]
    assert [(row.path, row.reason.value) for row in listing.closed] == [
        ("bird", "folder_unreadable")
    ]
    with pytest.raises(errors.DataError, match=r"'bird' in .* is a folder that cannot be listed"):
        class_checks.check(listing)


def test_images_of_formats_that_nobody_reads_count_as_lost(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "1.NEF").write_bytes(b"raw")
    assert by_folder.scan(tmp_path).unused.lost_images == 1


def test_stray_files_leave_the_splits_what_they_are(tmp_path):
    paths = [f"{part}/{name}/a" for part in ("train", "valid", "test") for name in ("cat", "dog")]
    listing = by_folder.scan(touch(tmp_path, *paths, "train/_classes.csv"))
    assert listing.class_names == ["cat", "dog"]
    assert listing.splits == {"train": ["train"], "eval": ["valid"], "test": ["test"]}
    assert unused_in(tmp_path) == [("train/_classes.csv", "outside_class_folder")]


def test_folders_without_an_image_are_no_classes(tmp_path):
    touch(tmp_path, "cat/a", "dog/b", "notes/read.txt", "logs/run.log.txt", "labels/1.json")
    touch(tmp_path, "empty/.keep")
    assert by_folder.scan(tmp_path).class_names == ["cat", "dog"]
    assert dict(unused_in(tmp_path))["notes/read.txt"] == "no_image_in_folder"


def test_files_that_only_claim_to_be_images_make_no_class(tmp_path):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "1.jpg").write_bytes(b"a recipe for pancakes")
    listing = by_folder.scan(tmp_path)
    assert listing.class_names == ["cat", "dog"]
    assert listing.unused.lost_images == 1
    (tmp_path / "bird" / "2.txt").write_bytes(PGM)  # formats are told by content
    assert by_folder.scan(tmp_path).class_names == ["bird", "cat", "dog"]


def test_a_class_with_many_bad_files_is_left_to_ingest(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    (tmp_path / "bird").mkdir()
    for index in range(empty_classes.LOOKS + 1):
        (tmp_path / "bird" / f"{index}.jpg").write_bytes(b"no")
    assert by_folder.scan(tmp_path).class_names == ["bird", "cat", "dog"]


def test_names_in_two_unicode_forms_are_one_class(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    touch(tmp_path, f"{composed}/a", f"{decomposed}/b", "bar/c")
    listing = by_folder.scan(tmp_path)
    assert listing.class_names == ["bar", composed]
    assert listing.spellings == {composed: [decomposed, composed]}
    assert [file.path for file in listing.files if file.class_name == composed] == [
        f"{decomposed}/b",
        f"{composed}/a",
    ]


def test_an_unlabelled_split_is_told(tmp_path):
    touch(tmp_path, "train/cat/a", "train/dog/b", "test/1.jpg", "test/2.jpg", "test/ids.csv")
    assert unused_in(tmp_path) == [
        ("test/1.jpg", "unlabelled_split"),
        ("test/2.jpg", "unlabelled_split"),
        ("test/ids.csv", "unlabelled_split"),
    ]
    assert by_folder.scan(tmp_path).unused.lost_images == 2


def test_excluded_classes_are_unused(tmp_path):
    touch(tmp_path, "cat/a", "dog/b", "bird/c", "fish/d")
    assert unused_in(tmp_path, exclude_classes=["bird"]) == [("bird/c", "excluded_class")]
    config = folder_config.FolderConfig(exclude_classes=["bird"])
    assert by_folder.scan(tmp_path, config).unused.lost_images == 0


def test_files_without_suffix_are_told_apart_by_content(tmp_path):
    touch(tmp_path, "train/cat/a", "train/dog/b", "more/one", "more/two")
    (tmp_path / "LICENSE").write_text("MIT")
    assert by_folder.scan(tmp_path).unused.images == {
        unused.Reason.BESIDE_SPLIT_FOLDERS: 2,
        unused.Reason.OUTSIDE_CLASS_FOLDER: 0,
    }


def test_links_to_files_outside_make_no_class(tmp_path):
    touch(tmp_path, "elsewhere/1.jpg", "root/cat/a.jpg", "root/dog/b.jpg")
    (tmp_path / "root" / "bird").mkdir()
    os.symlink(tmp_path / "elsewhere" / "1.jpg", tmp_path / "root" / "bird" / "1.jpg")
    assert by_folder.scan(tmp_path / "root").class_names == ["cat", "dog"]
    assert unused_in(tmp_path / "root") == [("bird/1.jpg", "link_not_followed")]


def test_heic_without_its_extra_says_so(tmp_path, monkeypatch):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "bird").mkdir()
    header = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
    (tmp_path / "bird" / "1.HEIC").write_bytes(header)
    monkeypatch.setattr(heif.importlib.util, "find_spec", lambda _name: None)
    assert unused_in(tmp_path) == [("bird/1.HEIC", "extra_not_installed")]
    assert decode.decode(header, decode_config.DecodeConfig()).reason == "extra_not_installed"


@pytest.mark.parametrize(
    ("name", "splits", "classes", "files"),
    [
        ("flower_photos_200", {}, 5, 200),
        ("trash6_256px", {}, 6, 720),
        ("ants_bees", {"train": ["train"], "eval": ["val"]}, 2, 398),
        ("cifar10_small", {"train": ["train"], "test": ["test"]}, 10, 4000),
        ("catbreeds5_mixed", {}, 5, 150),
    ],
)
def test_real_sets_are_understood(shared, name, splits, classes, files):
    listing = by_folder.scan(shared("datasets") / name)
    assert (listing.splits, len(listing.class_names)) == (splits, classes)
    assert (len(listing.files), listing.unused.total) == (files, 0)
    class_checks.check(listing)
