"""Files that a user names, and links, pipes or devices in their place."""

import os
import stat
import threading

import pytest

from serving import errors, files
from serving.gateway import access
from tests.serving.served import TOKEN


def test_a_pipe_a_folder_and_a_device_are_no_regular_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "pipe", "Not a regular file"),
        (tmp_path, "Is a directory"),
        ("/dev/zero", "Not a regular file"),
    ):
        with pytest.raises(OSError) as raised:
            files.open_regular(path)
        assert raised.value.strerror == why


def test_a_file_is_read_whole_or_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"123456")
    assert files.read(tmp_path / "a", 6) == b"123456"
    with pytest.raises(OSError, match="It has 6 bytes; allowed are 5"):
        files.read(tmp_path / "a", 5)
    # Files of /proc report no size.
    with pytest.raises(OSError, match="allowed are 5"):
        files.read("/proc/self/stat", 5)


def test_what_is_appended_to_is_private_and_keeps_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "a").chmod(0o644)
    with files.open_private(tmp_path / "a") as file:
        file.write(b"two")
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_what_another_laid_there_is_not_written_to(tmp_path):
    (tmp_path / "target").write_bytes(b"one")
    (tmp_path / "target").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    for name, why in (
        ("link", "A symbolic link"),
        ("nowhere", "A symbolic link"),
        ("pipe", "Not a regular file"),
    ):
        with pytest.raises(OSError) as raised:
            files.open_private(tmp_path / name)
        assert raised.value.strerror == why
    os.link(tmp_path / "target", tmp_path / "second name")
    with pytest.raises(OSError, match="several names"):
        files.open_private(tmp_path / "second name")
    assert not (tmp_path / "gone").exists()
    assert (tmp_path / "target").read_bytes() == b"one"
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_s_file_is_not_written_to(tmp_path):
    (tmp_path / "a").touch()
    os.chown(tmp_path / "a", 65534, 65534)
    with pytest.raises(OSError, match="Owned by another user"):
        files.open_private(tmp_path / "a")


def test_a_token_may_come_through_a_pipe(tmp_path, monkeypatch):
    reader, writer = os.pipe()
    slow = threading.Timer(0.2, lambda: (os.write(writer, TOKEN.encode()), os.close(writer)))
    slow.start()
    assert access.read(f"/proc/self/fd/{reader}").admits(f"Bearer {TOKEN}")
    slow.join()
    os.close(reader)
    monkeypatch.setattr(files, "PIPE_TIMEOUT_S", 0.2)
    os.mkfifo(tmp_path / "nobody writes")
    with pytest.raises(errors.UserError, match=r"cannot be read: It has not ended after 0\.2 s"):
        access.read(tmp_path / "nobody writes")


def test_a_file_is_replaced_whole(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    files.write_whole(tmp_path / "link", "new")
    assert not (tmp_path / "link").is_symlink()
    assert [(tmp_path / name).read_text() for name in ("link", "target")] == ["new", "old"]
    files.write_whole(tmp_path / "made" / "here", "new")
    files.require_writable(tmp_path / "target")
    assert (tmp_path / "target").read_text() == "old"
    with pytest.raises(OSError, match="Is a directory"):
        files.require_writable(tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "made", "target"]
