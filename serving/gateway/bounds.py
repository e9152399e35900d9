"""The bounds of a request: names, defaults, and the status of a request that exceeds one.

Every resource that a stranger's request can use up has a bound here, and nowhere else: bytes,
decoded bytes, pixels, values of the answer, seconds, connections, headers, requests at once.
``STATUSES`` has the answer for each of them; docs/serving.md has the same table.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

ENCODINGS = ("gzip",)
# A request that exceeds this bound has begun its answer, or none is possible: it is cut off.
CLOSED = 0

# Base64 is a third longer than what it holds.
_BODY_FACTOR = 1.5
_BODY_EXTRA_BYTES = 65536
# How many of the largest requests, and of the largest answers, are held in memory at a time.
_HELD = 4
# How many times the pixels that the workers take at once may wait for them.
_WAITING_FACTOR = 8
# Times the largest batch: the instances of a request of TensorFlow Serving's API.
_BATCHES = 8
# The longest float of JSON, with its separator.
_VALUE_BYTES = 24

# Name of a bound → status. Names are those of the attributes of Limits, and ``encodings``.
STATUSES = {
    "max_connections": 503,
    "head_timeout_s": 408,
    "idle_timeout_s": CLOSED,
    "max_field_bytes": 431,
    "max_fields": 400,
    "max_pipelined_bytes": CLOSED,
    "encodings": 415,
    "max_body_bytes": 413,
    "body_timeout_s": 408,
    "max_held_bytes": 503,
    "max_waiting": 503,
    "max_json_values": 400,
    "max_batch": 400,
    "max_instances": 400,
    "max_request_bytes": 400,
    "max_pixels": 413,
    "max_waiting_pixels": 503,
    "model_timeout_s": 504,
    "health_timeout_s": 503,
    "max_answer_values": 413,
    "max_answer_bytes": 413,
    "max_held_answer_bytes": 503,
    "write_timeout_s": CLOSED,
}


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Limits:
    """The capacity of a server and the bounds of a request.

    Attributes:
      workers: the processes that run the model, each with a copy of it.
      max_batch: images of a request of the Open Inference Protocol, and of a batch.
      max_request_bytes: bytes of a request's images in all.
      max_pixels: height × width of a request's images in all. An image that alone has more is
        answered with ``valid`` false.
      max_connections: open connections of both ports together.
      head_timeout_s: from the first byte of a request, or from the connection's start, to the end
        of its headers.
      body_timeout_s: from the headers to the end of the body.
      model_timeout_s: from the end of the body to the model's answer, waiting included.
      write_timeout_s: from the first byte of an answer to its last.
      max_answer_values: numbers of an answer; a string counts as one for every 24 bytes.
      idle_timeout_s: how long a connection without a request is kept.
      health_timeout_s: how long a health request waits for Triton.
      max_field_bytes: the request line, or the name or the value of a header.
      max_fields: headers of a request.
      max_pipelined_bytes: what follows a request before it is answered.
      max_waiting: requests whose body is there and whose answer is not.
      max_json_values: values of a request's JSON.
    """

    workers: int = _flag(1, "processes that run the model")
    max_batch: int = _flag(32, "images of a request, and of a batch")
    max_request_bytes: int = _flag(64 << 20, "bytes of a request's images")
    max_pixels: int = _flag(100_000_000, "height × width of a request's images in all")
    max_connections: int = _flag(1024, "open connections")
    head_timeout_s: int = _flag(10, "seconds for the headers of a request")
    body_timeout_s: int = _flag(60, "seconds for the body of a request")
    model_timeout_s: int = _flag(60, "seconds for the model's answer, waiting included")
    write_timeout_s: int = _flag(60, "seconds in which a client reads an answer")
    max_answer_values: int = _flag(1 << 21, "numbers of an answer")
    idle_timeout_s: float = 75.0
    health_timeout_s: float = 0.8
    max_field_bytes: int = 8190
    max_fields: int = 64
    max_pipelined_bytes: int = 65536
    max_waiting: int = 256
    max_json_values: int = 65536

    @property
    def max_body_bytes(self) -> int:
        """Bytes of a body, as it comes and decompressed."""
        return int(self.max_request_bytes * _BODY_FACTOR) + _BODY_EXTRA_BYTES

    @property
    def max_instances(self) -> int:
        """Images of a request of TensorFlow Serving's API; it is parted into batches."""
        return _BATCHES * self.max_batch

    @property
    def max_held_bytes(self) -> int:
        """Bytes of all bodies that are held at a time."""
        return _HELD * self.max_body_bytes

    @property
    def max_waiting_pixels(self) -> int:
        """Pixels of all requests that wait for a worker."""
        return _WAITING_FACTOR * self.max_pixels * self.workers

    @property
    def max_answer_bytes(self) -> int:
        """Bytes of the model's answer to a request."""
        return _VALUE_BYTES * self.max_answer_values

    @property
    def max_held_answer_bytes(self) -> int:
        """Bytes of all answers that are held until their clients have read them."""
        return _HELD * self.max_answer_bytes

    @property
    def most_connections(self) -> int:
        """Connections that are accepted: those above ``max_connections`` get health or 503."""
        return self.max_connections + max(64, self.max_connections // 4)


def flags() -> Iterator[tuple[str, str]]:
    """The limits that a user may set, and the flag of each."""
    for one in _settable():
        yield one.name, f"--{one.name.replace('_', '-')}"


def add_flags(parser: argparse.ArgumentParser, count: Callable[[str], int]) -> None:
    """Adds a flag for every limit that a user may set.

    Args:
      parser: of the command that serves.
      count: reads a whole number of at least 1.
    """
    names = dict(flags())
    for one in _settable():
        text = f"{one.metadata['help']} (default: {one.default})"
        parser.add_argument(names[one.name], type=count, default=one.default, help=text)


def from_flags(given: argparse.Namespace) -> Limits:
    """The limits that the flags of :func:`add_flags` say."""
    return Limits(**{one.name: getattr(given, one.name) for one in _settable()})


def _settable() -> list[Any]:
    return [one for one in fields(Limits) if "help" in one.metadata]
