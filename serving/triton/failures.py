"""Classifies Triton's errors: the one place where their texts are parsed.

Most errors have status 400 or 500; only an English text in Triton's responses and its model index
gives the cause. Sources: the texts in libtritonserver and in its Python backend, version 2.51, and
those of model.py, which Triton forwards unchanged. This file is also copied next to model.py in
Triton's folder, so it needs only the standard library.
"""

import enum
import re

# The beginnings of the texts of model.py.
NO_SIGNATURE = "there is no signature "
MODEL_FAILED = "the model failed: "

_NOT_SERVED = re.compile("unknown (model|version)")
_WORKER_LOST = re.compile("Stub process( '(?P<instance>[^']+)')? is not healthy")
_UNLOADED = "unloaded"


class Failure(enum.Enum):
    """The kind of a failure."""

    NOT_SERVED = enum.auto()  # no such model, or no such version of it
    NO_SIGNATURE = enum.auto()  # the model has no such signature
    MODEL_FAILED = enum.auto()  # the graph raised: a permanent error
    WORKER_LOST = enum.auto()  # a worker died, or did not answer for a second: a transient error
    OTHER = enum.auto()


def of(message: str) -> Failure:
    """Returns the kind of failure of an error message."""
    # model.py's first: they continue with arbitrary text of the client or of the graph.
    if message.startswith(NO_SIGNATURE):
        return Failure.NO_SIGNATURE
    if message.startswith(MODEL_FAILED):
        return Failure.MODEL_FAILED
    if _NOT_SERVED.search(message):
        return Failure.NOT_SERVED
    return Failure.WORKER_LOST if _WORKER_LOST.search(message) else Failure.OTHER


def silent_instance(message: str) -> str | None:
    """Returns the model instance whose worker did not answer; None for other messages."""
    found = _WORKER_LOST.match(message)
    return found["instance"] if found else None


def does_not_load(state: str, reason: str) -> bool:
    """Returns whether a version's state in the model index means that it failed to load.

    A version that was unloaded on purpose is "UNAVAILABLE" too.
    """
    return state == "UNAVAILABLE" and reason != _UNLOADED
