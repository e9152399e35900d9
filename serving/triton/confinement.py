"""What Triton's process may not do: make shared memory that others can read, outlive this process.

Triton's Python backend passes images to its workers in /dev/shm. Boost gives each region the
permissions 0644 by fchmod(2), whatever the umask says. A seccomp filter answers that one call with
success and does nothing, so the umask's 0600 stay: from the first moment on, unlike a chmod(2) that
comes after. Sources: seccomp(2); Boost.Interprocess, ``shared_memory_object.hpp``; Linux,
``include/uapi/linux/audit.h`` and ``filter.h``.
"""

import contextlib
import ctypes
import os
import platform
import signal
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

UMASK = 0o077
PRIVATE = 0o600
_PUBLIC = 0o644
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
# machine → AUDIT_ARCH_…, the number of fchmod.
_CALLS = {"x86_64": (0xC000003E, 91), "aarch64": (0xC00000B7, 52)}
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ANSWER_SUCCESS = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 0
# Offsets in struct seccomp_data; of the second argument the lower half, least byte first.
_NUMBER, _ARCHITECTURE, _SECOND_ARGUMENT = 0, 4, 24


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confiner() -> Callable[[], None]:
    """Returns what the child calls between fork and exec: there nothing is imported or built.

    Where the kernel takes no filter, the umask and the signal remain: see ``close_regions``.
    """
    libc = ctypes.CDLL(None)
    call = _CALLS.get(platform.machine())
    code = b"" if call is None else _filter(*call)
    buffer = ctypes.create_string_buffer(code)
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    parent = os.getpid()

    def confine() -> None:
        os.umask(UMASK)
        with contextlib.suppress(OSError, AttributeError):
            # The server is told to stop even where this process is killed.
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
            if len(buffer) > 1:
                # Without it only root may set a filter.
                libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))

    return confine


def close_regions(folder: Path, prefix: str) -> list[Path]:
    """Takes regions of shared memory away from other users.

    Args:
      folder: /dev/shm.
      prefix: what the regions' names begin with.

    Returns:
      Those that others could read until now: none where the filter works.
    """
    found = []
    for path in sorted(folder.glob(f"{prefix}*")):
        with contextlib.suppress(OSError):  # it goes right now
            if path.stat().st_mode & UMASK:
                path.chmod(PRIVATE)
                found.append(path)
    return found


def _filter(architecture: int, fchmod: int) -> bytes:
    """A program of the classic BPF: fchmod(…, 0644) succeeds without effect, all else goes on."""
    steps: Sequence[tuple[int, int, int, int]] = (
        # What, how many steps to skip where equal, and where not, on what.
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 0, 5, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 0, 3, fchmod),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        (_JUMP_IF_EQUAL, 0, 1, _PUBLIC),
        (_RETURN, 0, 0, _ANSWER_SUCCESS),
        (_RETURN, 0, 0, _ALLOW),
    )
    return b"".join(struct.pack("HBBI", *step) for step in steps)
