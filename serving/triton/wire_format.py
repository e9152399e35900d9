"""Reads the fields of protobuf messages, without protobuf.

Importing TensorFlow or ONNX for a few names takes seconds and half a gigabyte, and parses all of a file that may be
hostile. Nothing is copied here, and every step goes forward, so reading takes bounded time. This file is copied
next to model.py in Triton's folder, so it needs only the standard library.
Source: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator
from typing import Any

_NUMBER, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
# The longest number: 64 bits in groups of 7. Damaged files may have longer ones.
_MAX_SHIFT = 63


def fields(content: memoryview) -> Iterator[tuple[int, Any]]:
    """Yields the fields of a message in their order.

    Args:
      content: the message.

    Yields:
      the field's number; and its value, an int, or a memoryview of what is a message, a text, bytes, packed numbers
      or a number of fixed size.

    Raises:
      ValueError: it is no message, or cut off.
    """
    position = 0
    while position < len(content):
        tag, position = _number(content, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _NUMBER:
            value, position = _number(content, position)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, position = _number(content, position)
        elif wire_type in (_FIXED_64, _FIXED_32):
            length = 8 if wire_type == _FIXED_64 else 4
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        if position + length > len(content):
            raise ValueError("it is cut off")
        yield number, content[position : position + length]
        position += length


def _number(content: memoryview, position: int) -> tuple[int, int]:
    """Returns the number at a position, and the position after it."""
    value = shift = 0
    while position < len(content):
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return value, position
        if shift > _MAX_SHIFT:
            raise ValueError("a number has more than 10 bytes")
    raise ValueError("it is cut off")
