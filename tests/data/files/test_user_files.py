import os

import pytest

from data.files import user_files
from data.images import decode, refusals

LIMIT = 1000


def reason(root, path) -> str:
    result = user_files.read(str(root), path, LIMIT)
    assert isinstance(result, decode.Rejection), result
    assert result.reason in refusals.REASONS
    return result.reason


def test_reads_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * LIMIT)
    (tmp_path / "empty").write_bytes(b"")
    assert user_files.read(str(tmp_path), "a", LIMIT) == b"x" * LIMIT
    assert user_files.read(str(tmp_path), "empty", LIMIT) == b""


def test_refuses_what_is_no_file(tmp_path):
    (tmp_path / "big").write_bytes(b"x" * (LIMIT + 1))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.symlink("nowhere", tmp_path / "broken")
    os.symlink("/etc/hostname", tmp_path / "out")
    os.symlink("/dev/zero", tmp_path / "device")
    os.symlink("folder", tmp_path / "to_folder")
    os.symlink("/etc", tmp_path / "out_folder")
    assert reason(tmp_path, "big") == "too_many_bytes"
    assert reason(tmp_path, "pipe") == "not_a_file"
    assert reason(tmp_path, "broken") == "not_a_file"
    assert reason(tmp_path, "gone") == "not_a_file"
    assert reason(tmp_path, "out") == "link_outside"
    assert reason(tmp_path, "device") == "link_outside"
    assert reason(tmp_path, "to_folder") == "link_to_folder"
    assert reason(tmp_path, "out_folder") == "link_outside"
    assert reason(tmp_path, "folder") == "unreadable"


def test_a_link_inside_is_followed(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    os.symlink("a", tmp_path / "link")
    assert user_files.read(str(tmp_path), "link", LIMIT) == b"x"


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux's /proc")
def test_a_file_that_cannot_be_read_is_unreadable():
    assert reason("/proc/self", "mem") == "unreadable"
