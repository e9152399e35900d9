import os
from pathlib import Path

import pytest

from data import errors, folder


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def test_class_folders(tmp_path):
    listing = folder.scan(touch(tmp_path, "dog/b.jpg", "cat/a.jpg", "cat/deep/c.jpg"))
    assert [file.path for file in listing.files] == ["cat/a.jpg", "cat/deep/c.jpg", "dog/b.jpg"]
    assert listing.class_names == ["cat", "dog"]
    assert listing.given_splits == set()


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Validation"])
def test_split_folders_and_their_aliases(tmp_path, name):
    listing = folder.scan(touch(tmp_path, "train/cat/a", f"{name}/cat/b", "test/dog/c"))
    found = {(file.class_name, file.split) for file in listing.files}
    assert found == {("cat", "train"), ("cat", "eval"), ("dog", "test")}


def test_a_class_may_be_called_train(tmp_path):
    listing = folder.scan(touch(tmp_path, "train/a.jpg", "bus/b.jpg"))
    assert listing.class_names == ["bus", "train"]
    assert listing.given_splits == set()


def test_every_file_is_listed_or_ignored(tmp_path):
    paths = ["cat/a", "cat/.hidden", "cat/Thumbs.db", "README", ".git/x", "dog/b", "__MACOSX/c"]
    listing = folder.scan(touch(tmp_path, *paths))
    assert len(listing.files) == 2
    assert len(listing.files) + listing.ignored == len(paths)


def test_folders_beside_split_folders_are_ignored(tmp_path):
    listing = folder.scan(touch(tmp_path, "train/cat/a", "train/dog/b", "annotations/x.txt"))
    assert listing.class_names == ["cat", "dog"]
    assert listing.ignored == 1


def test_fingerprint_notices_a_move_between_classes(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    before = folder.scan(tmp_path).fingerprint()
    assert folder.scan(tmp_path).fingerprint() == before
    os.rename(tmp_path / "cat/a", tmp_path / "dog/a")
    assert folder.scan(tmp_path).fingerprint() != before


def test_fingerprint_notices_a_change_of_content(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    before = folder.scan(tmp_path).fingerprint()
    (tmp_path / "cat/a").write_bytes(b"longer")
    assert folder.scan(tmp_path).fingerprint() != before


def test_class_names_must_be_text(tmp_path):
    touch(tmp_path, "cat/a", os.fsdecode(b"d\xf6g") + "/b")
    with pytest.raises(errors.DataError, match=r"The names of the class folders d\\udcf6g in"):
        folder.check(folder.scan(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes exist on POSIX only")
def test_names_of_any_bytes(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    with open(os.fsencode(tmp_path) + b"/cat/\xff\xfe.jpg", "wb") as file:
        file.write(b"x")
    listing = folder.scan(tmp_path)
    assert len(listing.files) == 3
    assert len(listing.fingerprint()) == 64


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "holds no image in a class folder. Expected"),
        (["a.jpg", "b.jpg"], "though 2 files lie outside of any"),
        (["only/a.jpg"], "holds one class, 'only'; a classifier needs at least two"),
        (["photos/cat/a.jpg", "photos/dog/b.jpg"], "Did you mean --data-dir"),
        (["test/cat/a", "test/dog/b", "train/.x/y"], "train"),
    ],
)
def test_refuses_what_makes_no_classifier(tmp_path, paths, message):
    with pytest.raises(errors.DataError) as caught:
        folder.check(folder.scan(touch(tmp_path, *paths)))
    assert message in str(caught.value)


def test_missing_folder_and_file_for_folder(tmp_path):
    with pytest.raises(errors.DataError, match=r"nowhere does not exist"):
        folder.scan(tmp_path / "nowhere")
    touch(tmp_path, "file")
    with pytest.raises(errors.DataError, match="is a file"):
        folder.scan(tmp_path / "file")


def test_links_to_folders_are_listed_and_never_followed(tmp_path):
    touch(tmp_path, "root/cat/a", "elsewhere/x", "elsewhere/y")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "dog")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "cat" / "more")
    listing = folder.scan(tmp_path / "root")
    assert [file.path for file in listing.files] == ["cat/a", "cat/more", "dog"]
    assert listing.class_names == ["cat", "dog"]


def test_a_folder_that_cannot_be_listed_is_not_lost(tmp_path, monkeypatch):
    touch(tmp_path, "cat/a", "dog/b", "cat/locked/c")
    listing_of = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listing_of(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "cat/locked" in [file.path for file in folder.scan(tmp_path).files]


@pytest.mark.parametrize("missing", ["val/dog", "train/dog", "test/cat"])
def test_a_class_missing_from_a_split_folder_is_refused(tmp_path, missing):
    paths = [f"{part}/{name}/a" for part in ("train", "val", "test") for name in ("cat", "dog")]
    touch(tmp_path, *(path for path in paths if not path.startswith(missing)))
    touch(tmp_path, "train/bird/a", "val/bird/a", "test/bird/a")
    listing = folder.scan(tmp_path)
    part, name = missing.replace("val", "eval").split("/")
    with pytest.raises(errors.DataError) as caught:
        folder.check(listing)
    assert f"The {part} folder of {tmp_path} lacks '{name}'" in str(caught.value)
    assert "--ingest.allow-missing-classes true" in str(caught.value)
    folder.check(listing, allow_missing_classes=True)
