"""Limits the time of a step, which runs in this process.

There are three stages, each for steps that the previous one cannot end. At the limit an exception
is raised in the main thread: Python code ends there and cleans up. After a grace period a thread
reports the timeout and ends the process: for code that is inside C. After another grace period the
interpreter's watchdog, which does not need the GIL, writes all tracebacks to stderr and ends the
process.
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
    """A step exceeded its time limit."""


class Expired(BaseException):
    """Raised inside a step at its limit; no ``except Exception`` of a library swallows it."""


@contextlib.contextmanager
def limit(
    step: str,
    limit_s: float | None,
    grace_s: float,
    give_up: Callable[[errors.PipelineError], object],
) -> Iterator[None]:
    """Limits the time inside; only for the main thread.

    Args:
      step: its name, for the message.
      limit_s: in seconds; None: no limit.
      grace_s: how long the step may take to end after the limit, in seconds.
      give_up: called in another thread with the error if it does not, before the process ends; may
        report it and save results.

    Raises:
      StepTimeoutError: the limit was reached.
    """
    if limit_s is None:
        yield
        return
    error = StepTimeoutError(
        f"{step} took longer than its limit of {limit_s:g} s. Raise the limit"
        f" (--run.timeouts-s {step}=SECONDS); the same command continues after the last finished"
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
        # Threads of the step may block the process at its end: then both stay armed.
        if not expired:
            disarm()


def disarm() -> None:
    """Lets the process continue after a timeout."""
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
