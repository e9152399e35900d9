"""JSON from a stranger: an object of bounded size, or an error that says why not."""

import json
from typing import Any

# Every value of a list or an object needs one of these before it, so they bound what json makes:
# 64 MB of "[[],[],…" would become gigabytes. Base64 has none of them.
_MARKS = (b",", b"[", b"{")
_MAX_NAME_LENGTH = 256


class MalformedError(ValueError):
    """A request that cannot be understood; answered with 400."""


def parse(body: bytes, max_values: int) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
      body: the text.
      max_values: of the object, of those in it, and so on.

    Raises:
      MalformedError: it is none, or has too many values.
    """
    if sum(body.count(mark) for mark in _MARKS) > max_values:
        raise MalformedError(f"The request has more than {max_values} values.")
    try:
        given = json.loads(body)
    except (RecursionError, ValueError) as error:
        raise MalformedError(f"JSON Parse error: {error}") from error
    if not isinstance(given, dict):
        raise MalformedError("The request is no JSON object.")
    return given


def name(value: Any, where: str) -> str:
    """A string that names something.

    Args:
      value: of a JSON object.
      where: the field, for the message.

    Raises:
      MalformedError: it is no string, too long, or no Unicode.
    """
    if not isinstance(value, str):
        raise MalformedError(f"{where} is no string.")
    # What JSON allows as half of a character ends the server's own JSON parser.
    if len(value) > _MAX_NAME_LENGTH or any("\ud800" <= one <= "\udfff" for one in value):
        raise MalformedError(f"{where} is no text of at most {_MAX_NAME_LENGTH} characters.")
    return value
