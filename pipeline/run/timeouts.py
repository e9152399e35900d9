"""A limit on the time of a step, which runs in this very process.

Three stages, each for what the one before cannot end. At the limit an exception is raised in the
main thread: Python code ends there and cleans up. After a grace a thread tells what happened and
ends the process: for code that sits in C. After another grace the interpreter's own watchdog,
which needs no lock of Python's, writes all tracebacks to stderr and ends the process.
"""

import contextlib
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from data import errors

_last_resort: threading.Timer | None = None


class StepTimeoutError(errors.PipelineError):
    """A step took longer than it may."""


class Expired(BaseException):
    """Raised inside a step at its limit; no ``except Exception`` of a library swallows it."""


@contextlib.contextmanager
def limit(
    step: str,
    limit_s: float | None,
    grace_s: float,
    give_up: Callable[[errors.PipelineError], object],
) -> Iterator[None]:
    """Limits the time inside. For the main thread only.

    Args:
      step: its name, for the message.
      limit_s: in seconds; None: no limit.
      grace_s: how long the step may take to end once it was told to, in seconds.
      give_up: called in another thread with the error when it does not, before the process ends;
        may tell of it and write what is to be kept.

    Raises:
      StepTimeoutError: the limit was reached.
    """
    if limit_s is None:
        yield
        return
    error = StepTimeoutError(
        f"{step} took longer than the {limit_s:g} s that it may take. Give it more"
        f" (--run.timeouts-s {step}=SECONDS); the same command goes on from the last finished"
        " step, and inside training from its checkpoint."
    )
    global _last_resort
    _last_resort = threading.Timer(limit_s + grace_s, _end, (error, give_up))
    _last_resort.daemon = True
    previous = signal.signal(signal.SIGALRM, _expire)
    faulthandler.dump_traceback_later(limit_s + 2 * grace_s, exit=True)
    _last_resort.start()
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    expired = False
    try:
        yield
    except Expired as expiry:
        expired = True
        raise error from expiry
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        # What the step started may hold the process up to the very end: then both stay armed.
        if not expired:
            disarm()


def disarm() -> None:
    """Lets the process live on after a timeout."""
    if _last_resort:
        _last_resort.cancel()
    faulthandler.cancel_dump_traceback_later()


def _expire(_signal: int, _frame: FrameType | None) -> None:
    raise Expired


def _end(error: errors.PipelineError, give_up: Callable[[errors.PipelineError], object]) -> None:
    logging.error("%s It does not end by itself; the process ends now.", error)
    try:
        give_up(error)
    finally:
        os._exit(error.exit_code)
