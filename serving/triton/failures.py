"""Tells what an error of Triton means: the one place where the texts of its errors are read.

Beside the status, which is 400 or 500 for most, Triton's answers and its index of models say in
English alone what went wrong. Sources: the texts in libtritonserver and in its Python backend,
version 2.51, and those of model.py, which Triton passes on as they are. This file lies beside
model.py in Triton's folder too, so it needs the standard library alone.
"""

import enum
import re

# How the texts of model.py begin.
NO_SIGNATURE = "there is no signature "
MODEL_FAILED = "the model failed: "

_NOT_SERVED = re.compile("unknown (model|version)")
_WORKER_LOST = re.compile("Stub process( '(?P<instance>[^']+)')? is not healthy")
_UNLOADED = "unloaded"


class Failure(enum.Enum):
    """What went wrong."""

    NOT_SERVED = enum.auto()  # no such model, or no such version of it
    NO_SIGNATURE = enum.auto()  # the model has no such signature
    MODEL_FAILED = enum.auto()  # the graph raised; it would again
    WORKER_LOST = enum.auto()  # a worker died, or was silent for a second; another may answer
    OTHER = enum.auto()


def of(message: str) -> Failure:
    """Tells which failure an error's message is about."""
    # First model.py's: they go on with words of the client or of the graph, whatever those are.
    if message.startswith(NO_SIGNATURE):
        return Failure.NO_SIGNATURE
    if message.startswith(MODEL_FAILED):
        return Failure.MODEL_FAILED
    if _NOT_SERVED.search(message):
        return Failure.NOT_SERVED
    return Failure.WORKER_LOST if _WORKER_LOST.search(message) else Failure.OTHER


def silent_instance(message: str) -> str | None:
    """Returns the instance of the model whose worker was silent; None: no message of that kind."""
    found = _WORKER_LOST.match(message)
    return found["instance"] if found else None


def does_not_load(state: str, reason: str) -> bool:
    """Tells whether the index of models says that a version failed to load.

    One that was taken out of service on purpose is "UNAVAILABLE" too.
    """
    return state == "UNAVAILABLE" and reason != _UNLOADED
