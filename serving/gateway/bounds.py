"""The bounds of a request: names, defaults, and the HTTP status when one is exceeded.

Every resource that an untrusted request can exhaust has its bound here, and nowhere else: bytes,
decoded bytes, pixels, values of the response, seconds, connections, headers, concurrent requests.
``STATUSES`` has the status for each of them; docs/serving.md has the same table.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

ENCODINGS = ("gzip",)
# The connection is closed: its response has begun already, or none is possible.
CLOSED = 0

# Base64 is a third longer than the bytes that it encodes.
_BODY_FACTOR = 1.5
_BODY_EXTRA_BYTES = 65536
# How many of the largest requests, and of the largest responses, are in memory at a time.
_HELD = 4
# Pixels that may wait for the workers, as a multiple of those that they process at once.
_WAITING_FACTOR = 8
# Instances of a request of TensorFlow Serving's API, as a multiple of the largest batch.
_BATCHES = 8
# The longest float in JSON, with its separator.
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
    """A server's capacity and the bounds of a request.

    Attributes:
      workers: processes that run the model, each with its own copy.
      max_batch: images per request of the Open Inference Protocol, and per batch.
      max_request_bytes: total bytes of a request's images.
      max_pixels: height × width, summed over a request's images. A single image that has more is
        answered with ``valid`` false.
      max_connections: open connections of both ports together.
      head_timeout_s: from the start of the connection, or the first byte of a further request, to
        the end of the headers.
      body_timeout_s: from the headers to the end of the body.
      model_timeout_s: from the end of the body to the model's response, queueing included.
      write_timeout_s: from the first byte of a response to its last.
      max_answer_values: numbers in a response; a string counts as one for every 24 bytes.
      idle_timeout_s: how long a connection without a request is kept.
      health_timeout_s: how long a health request waits for Triton.
      max_field_bytes: length of the request line, of a header's name, or of its value.
      max_fields: number of a request's headers.
      max_pipelined_bytes: bytes that a client sends after a request before its response.
      max_waiting: requests with a complete body that are not answered yet.
      max_json_values: number of values in a request's JSON.
    """

    workers: int = _flag(1, "number of processes that run the model, each with its own copy")
    max_batch: int = _flag(32, "maximum number of images in a request, and in a batch")
    max_request_bytes: int = _flag(64 << 20, "maximum total bytes of a request's images")
    max_pixels: int = _flag(100_000_000, "maximum height × width, summed over a request")
    max_connections: int = _flag(1024, "maximum number of open connections")
    head_timeout_s: int = _flag(10, "seconds to receive the headers of a request")
    body_timeout_s: int = _flag(60, "seconds to receive the body of a request")
    model_timeout_s: int = _flag(60, "seconds until the model responds, queueing included")
    write_timeout_s: int = _flag(60, "seconds for a client to read a response")
    max_answer_values: int = _flag(1 << 21, "maximum number of values in a response")
    idle_timeout_s: float = 75.0
    health_timeout_s: float = 0.8
    max_field_bytes: int = 8190
    max_fields: int = 64
    max_pipelined_bytes: int = 65536
    max_waiting: int = 256
    max_json_values: int = 65536

    @property
    def max_body_bytes(self) -> int:
        """Returns the maximum bytes of a body, both as received and decompressed."""
        return int(self.max_request_bytes * _BODY_FACTOR) + _BODY_EXTRA_BYTES

    @property
    def max_instances(self) -> int:
        """Returns the maximum images of a TensorFlow Serving request, which is split into batches."""
        return _BATCHES * self.max_batch

    @property
    def max_held_bytes(self) -> int:
        """Returns the maximum bytes of all bodies in memory."""
        return _HELD * self.max_body_bytes

    @property
    def max_waiting_pixels(self) -> int:
        """Returns the maximum pixels of all requests that wait for a worker."""
        return _WAITING_FACTOR * self.max_pixels * self.workers

    @property
    def max_answer_bytes(self) -> int:
        """Returns the maximum bytes of the model's response to a request."""
        return _VALUE_BYTES * self.max_answer_values

    @property
    def max_held_answer_bytes(self) -> int:
        """Returns the maximum bytes of all responses that clients have not read yet."""
        return _HELD * self.max_answer_bytes

    @property
    def most_connections(self) -> int:
        """Returns how many connections are accepted; above ``max_connections`` they get health or 503."""
        return self.max_connections + max(64, self.max_connections // 4)


def flags() -> Iterator[tuple[str, str]]:
    """Yields the name and the flag of each limit that a user may set."""
    for one in _settable():
        yield one.name, f"--{one.name.replace('_', '-')}"


def add_flags(parser: argparse.ArgumentParser, count: Callable[[str], int]) -> None:
    """Adds a flag for every limit that a user may set.

    Args:
      parser: the parser of ``serve``.
      count: parses an integer of at least 1.
    """
    names = dict(flags())
    for one in _settable():
        text = f"{one.metadata['help']} (default: {one.default})"
        parser.add_argument(names[one.name], type=count, default=one.default, help=text)


def from_flags(given: argparse.Namespace) -> Limits:
    """Returns the limits that the flags of :func:`add_flags` set."""
    return Limits(**{one.name: getattr(given, one.name) for one in _settable()})


def _settable() -> list[Any]:
    return [one for one in fields(Limits) if "help" in one.metadata]
