"""Parses untrusted JSON: an object of bounded size, or an error that states why not."""

import json
from typing import Any

import pybase64

# Every value of a list or an object has one of these before it, so their count bounds the parsed
# objects: 64 MB of "[[],[],…" would become gigabytes. Base64 contains none of them.
_NO_MARKS = bytes(set(range(256)) - set(b",[{"))
_MAX_NAME_LENGTH = 256


class MalformedError(ValueError):
    """A malformed request; answered with 400."""


def parse(body: bytes, max_values: int) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
      body: the text.
      max_values: maximum number of values, nested ones included.

    Raises:
      MalformedError: it is not a JSON object, or has too many values.
    """
    # One pass over the bytes, where counting each mark takes three.
    if len(body.translate(None, _NO_MARKS)) > max_values:
        raise MalformedError(f"The request has more than {max_values} values.")
    try:
        given = json.loads(body)
    except (RecursionError, ValueError) as error:
        raise MalformedError(f"JSON Parse error: {error}") from error
    if not isinstance(given, dict):
        raise MalformedError("The request is no JSON object.")
    return given


def from_base64(text: str | bytes) -> bytes:
    """Decodes base64 without white space, with the padding that belongs to it.

    Raises:
      ValueError: it is something else.
    """
    return pybase64.b64decode(text, validate=True)


def name(value: Any, where: str) -> str:
    """Checks a string that names something, and returns it.

    Args:
      value: a value of a JSON object.
      where: the field's name, for the message.

    Raises:
      MalformedError: it is not a string, too long, or not valid Unicode.
    """
    if not isinstance(value, str):
        raise MalformedError(f"{where} is no string.")
    # Lone surrogates, which JSON allows, crash Triton's own JSON parser.
    if len(value) > _MAX_NAME_LENGTH or any("\ud800" <= one <= "\udfff" for one in value):
        raise MalformedError(f"{where} is no text of at most {_MAX_NAME_LENGTH} characters.")
    return value
