import os
import shutil

import pytest

from serving import errors, served_version
from serving.versions import versions


@pytest.fixture
def folder(model_dir, exported):
    """Returns a folder with versions 1, 2 and 10, which sort differently by name."""
    shutil.copytree(exported[1], model_dir / "10")
    return model_dir


def served(folder) -> int:
    return versions.served(folder).number


def visible(folder) -> set[int]:
    return set(served_version.numbered(folder))


def test_the_highest_whole_version_is_served(folder, exported):
    (folder / "notes").mkdir()
    (folder / "007").mkdir()
    shutil.copytree(exported[1], folder / "11")
    os.truncate(folder / "11" / "saved_model.pb", 1000)
    assert served(folder) == 10
    assert [(one.number, one.whole) for one in versions.listed(folder)] == [
        (1, True),
        (2, True),
        (10, True),
        (11, False),
    ]


def test_rollback_and_promotion(folder):
    assert versions.rollback(folder).number == served(folder) == 2
    assert versions.rollback(folder, 1).number == served(folder) == 1
    assert visible(folder) == {1}
    assert versions.promote(folder, 10).number == served(folder) == 10
    assert visible(folder) == {1, 10}
    assert versions.promote(folder, 2).number == served(folder) == 2
    assert [one.number for one in versions.listed(folder) if one.withdrawn] == [10]


def test_what_is_pushed_after_a_rollback_is_served(folder, exported):
    versions.rollback(folder, 1)
    shutil.copytree(exported[2], folder / "12")
    assert served(folder) == 12


def test_a_withdrawn_number_may_be_pushed_and_withdrawn_again(folder, exported):
    versions.rollback(folder, 2)
    shutil.copytree(exported[2], folder / "10")
    assert served(folder) == 10
    assert versions.rollback(folder).number == 2
    assert visible(folder) == {1, 2}


@pytest.mark.parametrize("broken_off_after", range(3))
def test_at_each_step_the_old_or_the_wanted_version_is_served(
    folder, exported, monkeypatch, broken_off_after
):
    shutil.copytree(exported[1], folder / "11")
    rename, done = type(folder).rename, []

    def breaking(path, target):
        if len(done) == broken_off_after:
            raise KeyboardInterrupt
        done.append(path)
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", breaking)
    with pytest.raises(KeyboardInterrupt):
        versions.rollback(folder, 1)
    assert served(folder) == 11
    monkeypatch.undo()
    versions.rollback(folder, 1)
    assert served(folder) == 1


def test_pruning_keeps_the_last_and_the_served(folder):
    versions.rollback(folder, 1)
    assert [one.number for one in versions.prune(folder, keep=1)] == [2]
    assert [one.number for one in versions.listed(folder)] == [1, 10]
    assert served(folder) == 1
    assert sorted(path.name for path in folder.iterdir()) == [".withdrawn", "1"]


def test_errors_say_what_there_is(folder, tmp_path):
    with pytest.raises(errors.UserError, match="has no complete version 3; it has 1, 2, 10"):
        versions.promote(folder, 3)
    with pytest.raises(errors.UserError, match="Version 10 is not before 10, which is served"):
        versions.rollback(folder, 10)
    with pytest.raises(errors.UserError, match="--keep is 0; at least 1"):
        versions.prune(folder, 0)
    with pytest.raises(errors.UserError, match=r"There is no folder .*nowhere"):
        versions.listed(tmp_path / "nowhere")
    with pytest.raises(errors.UserError, match="contains no version"):
        versions.served(tmp_path)
    versions.rollback(folder, 1)
    with pytest.raises(errors.UserError, match="no version before 1"):
        versions.rollback(folder)
