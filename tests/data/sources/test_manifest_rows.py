"""What is wrong with rows: collected, told once, with the line of each."""

import os
import unicodedata

import pytest

from data import errors
from data.sources import registry as label_sources
from data.sources import row_problems
from tests.data import manifests
from tests.data.folders import touch


def refused(data_dir, *options, **settings) -> str:
    with pytest.raises(errors.UserError) as caught:
        label_sources.scan(manifests.request(data_dir, *options, **settings))
    assert not any("\n" in problem for problem in caught.value.problems)
    return str(caught.value)


def written(tmp_path, *lines, name="metadata.csv", end="\n", encoding="utf-8"):
    (tmp_path / name).write_bytes("".join(line + end for line in lines).encode(encoding))
    return tmp_path


def test_all_kinds_of_problems_come_at_once_with_their_lines(tmp_path):
    touch(tmp_path, "data/a.jpg", "data/b.jpg", "data/folder/c.jpg", "other/d.jpg")
    written(
        tmp_path / "data",
        "file_name,label,split",
        "a.jpg,cat,train",
        ",cat,train",
        "gone.jpg,cat,train",
        '"two\nlines.jpg",cat,train',
        "folder,cat,train",
        "../other/d.jpg,cat,train",
        "/etc/passwd,cat,train",
        "s3://bucket/a.jpg,cat,train",
        "b.jpg,,train",
        "b.jpg,cat|dog,train",
        f"b.jpg,{'x' * 201},train",
        "b.jpg,cat,tomorrow",
        "a.jpg,dog,train",
        "b.jpg,cat",
        "b.jpg,cat,train,more",
    )
    assert refused(tmp_path / "data").split("\n") == [
        "- metadata.csv: rows that cannot be read: 2 (line 16: 2 cells, the header has 3; line 17: 4"
        " cells, the header has 3).",
        "- metadata.csv: rows without a path: 1 (line 3).",
        "- metadata.csv: rows whose file is not on this machine: 1 (line 10: s3://bucket/a.jpg)."
        " Download the images, or mount their storage.",
        "- metadata.csv: rows whose file lies outside of the data folder: 2 (line 8: ../other/d.jpg;"
        " line 9: /etc/passwd). Nothing outside of it is read: give a --data-dir that holds all"
        " images.",
        "- metadata.csv: rows whose file does not exist: 2 (line 4: gone.jpg; line 5:"
        r" two\x0alines.jpg).",
        "- metadata.csv: rows that name a folder: 1 (line 7: folder).",
        "- metadata.csv: rows without a label: 1 (line 11). Fill it in, or leave the rows out.",
        "- metadata.csv: rows with several labels: 1 (line 12: cat, dog). ADVICE. --labels.separator"
        " none makes a cell one label.",
        "- metadata.csv: rows whose label cannot be used: 1 (line 13: a label of 201 characters; at"
        " most 200).",
        "- metadata.csv: rows with an unknown split: 1 (line 14: tomorrow). A split is train, val or"
        " test, or another usual name of these; an empty cell leaves it to the pipeline;"
        " --labels.split-column none ignores the column.",
        "- metadata.csv: rows that contradict an earlier one about the same file: 1 (line 15: a.jpg is"
        " dog/train, before cat/train). An image has one label, split and group.",
    ]


def test_only_some_of_many_problems_are_shown(tmp_path):
    written(tmp_path, "file_name,label", *(f"{i}.jpg,cat" for i in range(1000)))
    message = refused(tmp_path)
    assert message.startswith("metadata.csv: rows whose file does not exist: 1,000 (line 2: 0.jpg;")
    assert message.count("line ") == row_problems.EXAMPLES
    assert message.endswith("; …).")


@pytest.mark.parametrize(
    "path",
    [
        "./sub/../a.jpg",
        "sub//../a.jpg",
        "{root}/a.jpg",
        "file://{root}/a.jpg",
        "file://localhost{root}/%61.jpg",
        " a.jpg ",
        "inner/../a.jpg",
    ],
)
def test_spellings_of_one_path(tmp_path, path):
    root = tmp_path / "images"
    touch(root, "a.jpg", "sub/b.jpg")
    (root / "inner").symlink_to(root / "sub")
    written(root, "file_name,label", path.format(root=root) + ",cat")
    listing = manifests.listed(root)
    assert manifests.labels(listing) == {"a.jpg": ("cat",)}


def test_a_link_to_a_folder_inside_leads_to_the_files_own_path(tmp_path):
    touch(tmp_path, "sub/b.jpg")
    (tmp_path / "link").symlink_to("sub")
    written(tmp_path, "file_name,label", "link/b.jpg,cat")
    assert manifests.labels(manifests.listed(tmp_path)) == {"sub/b.jpg": ("cat",)}


def test_links_out_of_the_data_folder_are_not_followed(tmp_path):
    touch(tmp_path, "secret/s.jpg", "images/a.jpg")
    (tmp_path / "images" / "link").symlink_to(tmp_path / "secret")
    written(tmp_path / "images", "file_name,label", "link/s.jpg,cat", "a.jpg,dog")
    assert "outside of the data folder: 1 (line 2: link/s.jpg)" in refused(tmp_path / "images")


@pytest.mark.parametrize(
    "path", ["file://host/a.jpg", "https://x/a.jpg", "C:/a.jpg", "file://[/a.jpg"]
)
def test_addresses_of_other_machines(tmp_path, path):
    written(touch(tmp_path, "a.jpg"), "file_name,label", f"{path},cat")
    assert "rows whose file is not on this machine: 1" in refused(tmp_path)


@pytest.mark.parametrize("path", ["a\\b.jpg", "a/..", "..", "a/b.jpg/", "a/" + "x" * 5000])
def test_paths_that_lead_nowhere(tmp_path, path):
    written(tmp_path, "file_name,label", f"{path},cat")
    assert "metadata.csv: rows " in refused(tmp_path)


def test_backslashes_and_decomposed_letters(tmp_path):
    touch(tmp_path, "sub/a.jpg", unicodedata.normalize("NFD", "é.jpg"))
    written(
        tmp_path, "file_name,label", "sub\\a.jpg,cat", f"é.jpg,{unicodedata.normalize('NFD', 'é')}"
    )
    assert manifests.labels(manifests.listed(tmp_path)) == {
        unicodedata.normalize("NFD", "é.jpg"): ("é",),
        "sub/a.jpg": ("cat",),
    }


def test_what_is_no_image_is_for_ingest_to_judge(tmp_path):
    touch(tmp_path, "a.jpg", "notes.txt")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out.jpg").symlink_to("/etc/hostname")
    lines = [f"{name},cat" for name in ("a.jpg", "notes.txt", "pipe", "out.jpg")]
    written(tmp_path, "file_name,label", *lines)
    assert len(manifests.listed(tmp_path).files) == 4


@pytest.mark.parametrize(
    "value", ['"\\ud800"', '"a\\u0000"', "[1, [2]]", "{}", '["a\\nb"]', "true"]
)
def test_labels_of_other_kinds(tmp_path, value):
    touch(tmp_path, "a.jpg")
    written(tmp_path, f'{{"file_name": "a.jpg", "label": {value}}}', name="metadata.jsonl")
    if value == "true":
        assert manifests.labels(manifests.listed(tmp_path)) == {"a.jpg": ("True",)}
    else:
        assert "rows whose label cannot be used: 1 (line 1: " in refused(tmp_path, "any")


@pytest.mark.parametrize("value", ['"g\\u0000"', "[]", "{}", '"\\ud800"'])
def test_groups_of_other_kinds(tmp_path, value):
    touch(tmp_path, "a.jpg")
    line = f'{{"file_name": "a.jpg", "label": "cat", "group": {value}}}'
    written(tmp_path, line, name="metadata.jsonl")
    assert "rows whose group is no text or number: 1 (line 1: " in refused(tmp_path)


def test_numbers_are_labels_groups_and_ids(tmp_path):
    touch(tmp_path, "7.jpg")
    line = '{"id": 7, "label": 3, "group": 12}'
    written(tmp_path, line, name="metadata.jsonl")
    (file,) = manifests.listed(tmp_path, suffix=".jpg").files
    assert (file.labels, file.group) == (("3",), "12")


def test_labels_that_spaces_may_separate_are_pointed_out(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    written(tmp_path, "image_name,tags", "1.jpg,haze", "2.jpg,haze primary", "3.jpg,primary")
    listing = manifests.listed(tmp_path, "any")
    assert listing.class_names == ["haze", "haze primary", "primary"]
    assert listing.understood[-1] == (
        "'haze primary' is one label, and so are its words; if spaces separate labels:"
        " --labels.separator ' '"
    )
    listing = manifests.listed(tmp_path, "any", separator=" ")
    assert listing.class_names == ["haze", "primary"]
    assert listing.understood[-1] == "several labels in a cell are separated by ' '"


def test_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("data.sources.manifest_rows.MAX_ROWS", 2)
    touch(tmp_path, "a.jpg")
    written(tmp_path, "file_name,label", *3 * ["a.jpg,cat"])
    assert "metadata.csv has more than 2 rows." in refused(tmp_path)
