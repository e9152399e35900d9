"""Fields of protobuf messages are read as protobuf reads them; damage of every kind ends in one error."""

import hypothesis
import pytest
from google.protobuf import descriptor_pb2, struct_pb2

from serving.triton import wire_format


def fields(content: bytes) -> list[tuple[int, object]]:
    return [
        (number, value if isinstance(value, int) else bytes(value))
        for number, value in wire_format.fields(memoryview(content))
    ]


def test_fields_of_every_type_are_read():
    value = struct_pb2.Value(number_value=0.5)
    assert fields(value.SerializeToString()) == [(2, b"\0\0\0\0\0\0\xe0\x3f")]
    field = descriptor_pb2.FieldDescriptorProto(name="größe", number=300, json_name="")
    assert fields(field.SerializeToString()) == [(1, "größe".encode()), (3, 300), (10, b"")]
    assert fields(b"\x0d\1\2\3\4") == [(1, b"\1\2\3\4")]
    assert fields(b"\x08" + b"\xff" * 9 + b"\x01") == [(1, (1 << 64) - 1)]
    assert fields(b"") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x08", "it is cut off"),
        (b"\x08\x80", "it is cut off"),
        (b"\x0a\x05abcd", "it is cut off"),
        (b"\x09\0\0\0", "it is cut off"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "it is cut off"),
        pytest.param(
            b"\xff" * 10_000_000, "a number has more than 10 bytes", id="number without an end"
        ),
        (b"\x0b", "unknown wire type 3"),
        (b"\x0f", "unknown wire type 7"),
    ],
)
def test_damage_is_told(content, message):
    with pytest.raises(ValueError, match=message):
        fields(content)


@hypothesis.given(hypothesis.strategies.binary(max_size=200))
def test_any_bytes_are_fields_or_an_error(content):
    try:
        found = fields(content)
    except ValueError:
        return
    assert sum(len(value) for _, value in found if isinstance(value, bytes)) <= len(content)
