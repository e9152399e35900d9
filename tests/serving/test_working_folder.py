"""The temporary folder of a server, and cleaning up after a killed one."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from serving import errors, working_folder

RUNNING = """
import sys
from serving import working_folder
with working_folder.made() as root:
    (root / "triton").mkdir()
    (root / "triton.log").touch()
    print(root, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Sets TMPDIR for this process and its children."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def region(root: Path) -> Path:
    return working_folder.SHARED_MEMORY / f"{working_folder.shared_memory_prefix(root)}test"


def started() -> tuple[subprocess.Popen, Path]:
    command = [sys.executable, "-c", RUNNING]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    return process, Path(process.stdout.readline().strip())


def ended(process: subprocess.Popen, how: signal.Signals) -> None:
    process.send_signal(how)
    process.communicate()


def test_only_this_user_enters_it_and_nothing_remains(temporary):
    with working_folder.made() as root:
        assert root.parent == temporary
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        region(root).touch()
    assert not list(temporary.iterdir())
    assert not region(root).exists()


def test_the_log_of_a_failure_remains(temporary):
    with pytest.raises(errors.ServerError), working_folder.made() as root:
        (root / "triton").mkdir()
        (root / "triton.log").write_text("why")
        raise errors.ServerError("It died.")
    assert [path.name for path in root.iterdir()] == ["triton.log"]
    with pytest.raises(errors.UserError), working_folder.made() as other:
        raise errors.UserError("A port is taken.")
    assert not other.exists()
    assert (root / "triton.log").read_text() == "why"


def test_what_a_killed_server_left_goes_and_what_runs_stays(temporary):
    (running, kept), (killed, left) = started(), started()
    for root in (kept, left):
        region(root).touch()
    (temporary / "image-serving-mine").mkdir()
    (temporary / "image-serving-00000000").mkdir(mode=0o700)  # no lock: not a server's
    (temporary / "image-serving-11111111").symlink_to(temporary / "image-serving-mine")
    ended(killed, signal.SIGKILL)
    assert left.exists() and region(left).exists()
    with working_folder.made() as new:
        assert {path.name for path in temporary.iterdir()} == {
            kept.name,
            new.name,
            "image-serving-mine",
            "image-serving-00000000",
            "image-serving-11111111",
        }
    assert not region(left).exists()
    assert region(kept).exists()
    running.communicate("")
    assert not kept.exists() and not region(kept).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_user_s_folder_is_left_alone(temporary):
    process, root = started()
    ended(process, signal.SIGKILL)
    os.chown(root, 65534, 65534)
    with working_folder.made():
        assert (root / "lock").exists()


def test_no_room_is_told_in_a_sentence(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    sentence = (
        "No temporary folder can be created: No such file or directory; set TMPDIR to another"
    )
    with pytest.raises(errors.UserError, match=sentence), working_folder.made():
        pass
