"""Images without labels: accepted where no labels are needed, and only where there can be none."""

import pytest

from data import errors
from data.layout import config as folder_config
from data.layout.unused import Reason
from data.sources import config as label_config
from data.sources import label_source, registry
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
