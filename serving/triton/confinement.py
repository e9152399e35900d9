"""Confines Triton's process: its shared memory is private, and it ends with this process.

Triton's Python backend passes images to its workers in /dev/shm. Boost gives each region the
permissions 0644 by fchmod(2), whatever the umask says. A seccomp filter makes that one call
succeed without effect, so the umask's 0600 remain: from the first moment, unlike a later chmod(2).
Sources: seccomp(2); Boost.Interprocess, ``shared_memory_object.hpp``; Linux,
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
# Offsets in struct seccomp_data; for the second argument its lower half (little-endian).
_NUMBER, _ARCHITECTURE, _SECOND_ARGUMENT = 0, 4, 24


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confiner() -> Callable[[], None]:
    """Returns the function to call between fork and exec, where nothing may be imported or built.

    If the kernel does not support the filter, the umask and the signal remain: ``close_regions``.
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
            # The server is stopped even if this process is killed.
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
            if len(buffer) > 1:
                # Otherwise only root may set a filter.
                libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))

    return confine


def close_regions(folder: Path, prefix: str) -> list[Path]:
    """Makes regions of shared memory private.

    Args:
      folder: /dev/shm.
      prefix: the prefix of the regions' names.

    Returns:
      The regions that other users could read until now: none if the filter works.
    """
    found = []
    for path in sorted(folder.glob(f"{prefix}*")):
        with contextlib.suppress(OSError):  # it is just being removed
            if path.stat().st_mode & UMASK:
                path.chmod(PRIVATE)
                found.append(path)
    return found


def _filter(architecture: int, fchmod: int) -> bytes:
    """Returns a classic BPF program: fchmod(…, 0644) succeeds without effect, all else is allowed."""
    steps: Sequence[tuple[int, int, int, int]] = (
        # Operation, steps to skip if equal, steps to skip if not, operand.
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
