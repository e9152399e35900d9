import os

import pytest

from data.files import atomic


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with atomic.replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("how", [{}, {"durable": True, "backup": True}])
def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, how):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic.replacing(path, **how) as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_must_last_is_synchronised_before_and_after_the_rename(tmp_path, monkeypatch):
    events = []
    synchronise, replace = os.fsync, os.replace

    def noted(descriptor):
        events.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        synchronise(descriptor)

    def renamed(source, target):
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(atomic.os, "fsync", noted)
    monkeypatch.setattr(atomic.os, "replace", renamed)
    path = tmp_path / "new" / "deep" / "file"
    with atomic.replacing(path) as temporary:
        temporary.write_text("one")
    assert events == ["rename"]
    events.clear()
    path = tmp_path / "lasting" / "deep" / "file"
    with atomic.replacing(path, durable=True) as temporary:
        temporary.write_text("one")
    folders = [str(path.parent), str(tmp_path / "lasting"), str(tmp_path)]
    assert events == [str(temporary), "rename", *folders]


def test_a_backup_holds_the_version_before(tmp_path):
    path = tmp_path / "file"
    for text in ("one", "two", "three"):
        with atomic.replacing(path, backup=True) as temporary:
            temporary.write_text(text)
    assert path.read_text() == "three"
    assert atomic.backup_of(path).read_text() == "two"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_backup_is_a_copy_where_there_are_no_links(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(atomic.os, "link", refused)
    path = tmp_path / "file"
    path.write_text("one")
    with atomic.replacing(path, backup=True) as temporary:
        temporary.write_text("two")
    assert atomic.backup_of(path).read_text() == "one"
