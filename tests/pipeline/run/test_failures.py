"""Which errors are worth another try."""

import errno
import socket
import traceback
from concurrent.futures import process

import PIL
import pytest

from data import errors
from pipeline.run import failures

TRANSIENT, NO_SPACE, PERMANENT = (
    failures.Kind.TRANSIENT,
    failures.Kind.NO_SPACE,
    failures.Kind.PERMANENT,
)


class UnavailableError(Exception):
    """As TensorFlow and ML Metadata call it."""


def wrapped(inner: BaseException) -> Exception:
    """As TFX raises it, while it handles another."""
    try:
        try:
            raise inner
        except BaseException as error:
            raise RuntimeError("Execution 3 failed") from error
    except RuntimeError as outer:
        return outer


def as_text(inner: BaseException) -> Exception:
    """As Beam raises it: the text of the traceback."""
    try:
        raise inner
    except BaseException:
        return RuntimeError(f"{traceback.format_exc()} [while running 'Write']")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EIO, "Input/output error"), TRANSIENT),
        (OSError(errno.ESTALE, "Stale file handle"), TRANSIENT),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), TRANSIENT),
        (TimeoutError("timed out"), TRANSIENT),
        (socket.gaierror(-3, "Temporary failure in name resolution"), TRANSIENT),
        (UnavailableError("failed to connect"), TRANSIENT),
        (process.BrokenProcessPool("a child process terminated abruptly"), TRANSIENT),
        (RuntimeError("Abort: database is locked"), TRANSIENT),
        (RuntimeError("<_MultiThreadedRendezvous: status = StatusCode.UNAVAILABLE"), TRANSIENT),
        (OSError(errno.ENOSPC, "No space left on device"), NO_SPACE),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), NO_SPACE),
        (OSError("4096 requested and 0 written"), NO_SPACE),
        (RuntimeError("RESOURCE_EXHAUSTED: /out/x; No space left on device"), NO_SPACE),
        (RuntimeError("INTERNAL: query failed: database or disk is full"), NO_SPACE),
        (PermissionError(errno.EACCES, "Permission denied"), PERMANENT),
        (FileExistsError(errno.EEXIST, "File exists"), PERMANENT),
        (OSError(errno.EROFS, "Read-only file system"), PERMANENT),
        (PIL.UnidentifiedImageError("cannot identify image file"), PERMANENT),
        (TypeError("'int' object is not iterable"), PERMANENT),
        (ValueError("shapes do not match"), PERMANENT),
        (MemoryError(), PERMANENT),
        (RuntimeError("out of memory: RESOURCE_EXHAUSTED"), PERMANENT),
        (errors.DataError("too few images"), PERMANENT),
        (Exception("what is unknown"), PERMANENT),
    ],
    ids=repr,
)
def test_kinds(error, kind):
    assert failures.kind(error) == kind
    assert failures.kind(wrapped(error)) == kind
    if not isinstance(error, UnavailableError | process.BrokenProcessPool):
        assert failures.kind(as_text(error)) == kind


def test_what_the_user_is_told_is_not_tried_again_whatever_it_came_from():
    error = errors.DataError("The images cannot be read.")
    error.__cause__ = OSError(errno.EIO, "Input/output error")
    assert failures.kind(error) == PERMANENT


def test_a_fault_of_the_program_while_an_error_is_handled_stays():
    error = TypeError("in the handler")
    error.__context__ = OSError(errno.EIO, "Input/output error")
    assert failures.kind(error) == PERMANENT


def test_a_loop_of_causes_ends():
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert failures.kind(one) == PERMANENT


def test_the_message_on_a_full_disk_names_the_folder_and_its_free_bytes(tmp_path):
    error = wrapped(OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a.bin")))
    error_shown = failures.no_space(error, tmp_path / "nowhere")
    assert str(error_shown).startswith(f"The disk of {tmp_path} is full: ")
    assert "bytes are free now" in str(error_shown)
    assert error_shown.exit_code == 1
    assert "The disk of " in str(failures.no_space(RuntimeError("disk is full"), tmp_path))
