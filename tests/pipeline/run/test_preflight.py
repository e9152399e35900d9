import collections
import dataclasses
import shutil

import pytest

from components.trainer.exports import formats
from data import errors
from data.corrections import decisions
from data.splits import labels
from pipeline.run import preflight
from pipeline.settings import pipeline_config
from tests.data import manifests
from tests.data.corrections.made import decision


def settings(tmp_path, data_dir, *arguments):
    flags = ["--data-dir", str(data_dir), "--output-dir", str(tmp_path / "out"), *arguments]
    parsed = pipeline_config.parse(flags)
    preflight.prepare_output(parsed)
    return parsed


def refused(tmp_path, data_dir, *arguments) -> str:
    with pytest.raises(errors.UserError) as caught:
        preflight.check(settings(tmp_path, data_dir, *arguments), data_dir)
    return str(caught.value)


def test_a_good_folder_passes(tmp_path, class_folders):
    inputs = preflight.check(settings(tmp_path, class_folders), class_folders)
    assert inputs.labels == ["cat", "dog"]
    assert inputs.model_name == "images"


def test_the_label_map_is_frozen_and_extended(tmp_path, class_folders):
    parsed = settings(tmp_path, class_folders)
    labels.save(tmp_path / "out" / "labels" / "images.json", ["dog"])
    assert preflight.check(parsed, class_folders).labels == ["dog", "cat"]


def test_a_class_that_corrections_add_is_told_once_and_comes_last(tmp_path, class_folders):
    parsed = settings(tmp_path, class_folders)
    path = tmp_path / "out" / "corrections" / "images.csv"
    log = decisions.Log(path)
    log.append([decision(new=("bird",)), decision(sha256="cd" * 32)])
    inputs = preflight.check(parsed, class_folders)
    assert inputs.labels == ["cat", "dog", "bird"]
    assert inputs.corrections_lines() == [f"corrections: 2 to relabel, new class 'bird' ({path})"]
    labels.save(tmp_path / "out" / "labels" / "images.json", inputs.labels)
    again = preflight.check(parsed, class_folders)
    assert again.labels == inputs.labels
    assert again.corrections_lines() == [f"corrections: 2 to relabel ({path})"]


def test_a_folder_of_non_images(tmp_path, class_folders):
    for path in class_folders.rglob("*.jpg"):
        path.write_text("a recipe for pancakes")
    message = refused(tmp_path, class_folders)
    assert "not used are files in folders without an image: 24 (cat/00.jpg, " in message


def test_images_in_one_class_only(tmp_path, class_folders):
    for path in (class_folders / "dog").glob("*.jpg"):
        path.write_text("no image")
    message = refused(tmp_path, class_folders)
    assert "holds images of one class, 'cat'" in message
    assert "not used are files in folders without an image: 12 (dog/00.jpg, " in message


def test_all_problems_come_at_once(tmp_path):
    message = refused(tmp_path, tmp_path / "nowhere", "--train.weights=gone.weights.h5")
    assert "nowhere does not exist" in message
    assert "gone.weights.h5 does not exist" in message


def test_output_inside_the_data(tmp_path, class_folders):
    parsed = pipeline_config.parse(
        ["--data-dir", str(class_folders), "--output-dir", str(class_folders / "o")]
    )
    for refuse in (
        lambda: preflight.prepare_output(parsed),
        lambda: preflight.check(parsed, class_folders),
    ):
        with pytest.raises(errors.UserError, match="lies inside the data folder"):
            refuse()
    assert sorted(path.name for path in class_folders.iterdir()) == ["cat", "dog"]


def test_what_was_found_is_shown_before_it_is_refused(tmp_path, class_folders):
    (class_folders / "2031-05-01").mkdir()
    shutil.copy(class_folders / "cat" / "00.jpg", class_folders / "2031-05-01")
    seen = []
    with pytest.raises(errors.DataError, match="is named like a date"):
        preflight.check(settings(tmp_path, class_folders), class_folders, show=seen.append)
    assert seen[0].class_names == ["2031-05-01", "cat", "dog"]
    flag = ["--ingest.accept-class-names", "true"]
    assert len(preflight.check(settings(tmp_path, class_folders, *flag), class_folders).labels) == 3


def test_a_manifest_is_checked_before_work_begins(tmp_path, class_folders):
    rows = manifests.of_folders(class_folders)
    path = manifests.write(
        class_folders / "labels.csv", [*rows, {"file_name": "x", "label": "cat"}]
    )
    message = refused(tmp_path, path, "--train.weights=gone.weights.h5")
    assert "labels.csv: rows whose file does not exist: 1 (line 26: x)." in message
    assert "gone.weights.h5 does not exist" in message
    manifests.write(path, rows)
    inputs = preflight.check(settings(tmp_path, path), path)
    assert (inputs.model_name, inputs.labels) == ("images", ["cat", "dog"])
    assert inputs.listing.root == class_folders
    assert inputs.source.file == path


def test_a_manifest_by_its_flag_alone(tmp_path, class_folders):
    path = manifests.write(class_folders / "labels.csv", manifests.of_folders(class_folders))
    flags = ["--labels.file", str(path), "--output-dir", str(tmp_path / "out")]
    parsed = pipeline_config.parse(flags)
    assert preflight.check(parsed, preflight.existing_source(parsed)).listing.root == class_folders
    inside = pipeline_config.parse([*flags[:2], "--output-dir", str(class_folders / "out")])
    with pytest.raises(errors.UserError, match="lies inside the data folder"):
        preflight.prepare_output(inside)


def test_paths_of_labels_are_absolute_for_the_steps(tmp_path, class_folders, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifests.write(tmp_path / "labels.csv", manifests.of_folders(class_folders))
    flags = ["--labels.file", "labels.csv", "--labels.images-dir", "images"]
    parsed = settings(tmp_path, class_folders, *flags)
    inputs = preflight.check(parsed, class_folders)
    assert inputs.source.file == tmp_path / "labels.csv"
    assert inputs.source.images_dir == class_folders


def test_no_space(tmp_path, class_folders, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1 << 30, 1 << 30, 10 << 20))
    message = refused(tmp_path, class_folders)
    assert "has 10 MiB free; this run needs about 302 MiB (24 images)" in message


def test_an_output_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    parsed = pipeline_config.parse(["--output-dir", str(tmp_path / "file" / "out")])
    with pytest.raises(errors.UserError, match=r"cannot be written to: Not a directory"):
        preflight.prepare_output(parsed)


def test_a_format_whose_library_is_missing(tmp_path, class_folders, monkeypatch):
    lacking = dataclasses.replace(formats.REGISTRY["onnx"], libraries=("no_such_library",))
    monkeypatch.setitem(formats.REGISTRY, "onnx", lacking)
    flags = ["--train.exports.formats=tflite_int8,onnx", "--train.weights=gone.weights.h5"]
    message = refused(tmp_path, class_folders, *flags)
    assert "formats onnx: no_such_library is not installed; install the extra [onnx]" in message
    assert "gone.weights.h5 does not exist" in message
