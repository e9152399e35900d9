from data.layout import describe
from data.sources import by_folder
from tests.data.folders import touch


def test_what_was_understood(tmp_path):
    paths = ["train/cat/1.jpg", "train/cat/2.jpg", "train/dog/3.jpg", "Testing/cat/4.jpg"]
    touch(tmp_path, *paths, "Testing/dog/5.jpg", "more/6.jpg", "README.md", ".DS_Store")
    assert describe.lines(by_folder.scan(tmp_path)) == [
        f"{tmp_path}: 2 classes, 5 files",
        "  classes: cat 3, dog 2",
        "  splits:  train 3 in train; test 2 in Testing; eval taken out of train",
        "  not used: 3 files, 1 of them image files (16.7% of all)",
        "    hidden or system files: 1 (.DS_Store)",
        "    outside of class folders: 1 (README.md)",
        "    in folders beside the split folders: 1 (more/6.jpg)",
    ]


def test_many_classes_and_spans_stay_on_one_screen(tmp_path):
    for span in range(3):
        touch(tmp_path, *(f"span-{span}/class{i:03}/{j}.jpg" for i in range(100) for j in "ab"))
    lines = describe.lines(by_folder.scan(tmp_path))
    assert lines[0].endswith(": 100 classes, 600 files")
    assert lines[1].endswith("class011 6, and 88 more with 528")
    assert lines[2:] == ["  splits:  made by the pipeline", "  spans:   3, span-0 to span-2"]


def test_two_spellings_of_one_class_are_told(tmp_path):
    touch(tmp_path, "caf\u00e9/a", "cafe\u0301/b", "bar/c")
    assert any(
        "caf\u00e9 is one class, of folders" in line
        for line in describe.lines(by_folder.scan(tmp_path))
    )
