"""Written from the Open Inference Protocol and Triton's extension_binary_data.md."""

import json
import struct

import pytest

from serving.client import protocol
from serving.gateway import bounds, json_body, openinference_format

NAME = "image_bytes"
LIMITS = bounds.Limits(max_batch=4)
TENSOR = {"name": NAME, "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}


def binary(*items: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


def forwarded(body: bytes, header_length: str | None = None) -> tuple[dict, bytes]:
    """Returns the forwarded request: its JSON, and the bytes after it."""
    written, headers = openinference_format.request(body, header_length, NAME, LIMITS)
    length = int(headers[protocol.HEADER_LENGTH])
    return json.loads(written[:length]), written[length:]


def test_a_request_in_json_goes_on_in_binary():
    asked = {
        "id": "a1",
        "inputs": [{**TENSOR, "shape": [2, 1], "data": [["x"], "é"]}],
        "outputs": [{"name": "label"}, {"name": "label", "parameters": {"binary_data": False}}],
        "parameters": {"signature": "embed", "encoding": "other", "priority": -1},
        "more": 1,
    }
    tensor = {key: TENSOR[key] for key in ("name", "datatype")}
    size = {"binary_data_size": len(binary(b"x", "é".encode()))}
    assert forwarded(json.dumps(asked).encode()) == (
        {
            "id": "a1",
            "inputs": [{**tensor, "shape": [2, 1], "parameters": size}],
            "outputs": [{"name": "label", "parameters": {"binary_data": False}}],
            "parameters": {"signature": "embed"},
        },
        binary(b"x", "é".encode()),
    )


@pytest.mark.parametrize("is_binary", [False, True])
def test_base64_is_decoded_and_what_is_none_is_empty(is_binary):
    values = ["aW1hZ2U=", "*", ""]
    tensor = {**TENSOR, "shape": [3, 1], "data": values}
    content = b""
    if is_binary:
        del tensor["data"]
        content = binary(*(value.encode() for value in values))
        tensor["parameters"] = {"binary_data_size": len(content)}
    text = json.dumps({"inputs": [tensor], "parameters": {"encoding": "base64"}}).encode()
    head, found = forwarded(text + content, str(len(text)))
    assert (head["parameters"], found) == ({}, binary(b"image", b"", b""))


def test_what_our_client_sends_goes_on_as_it_is():
    body, headers = protocol.request(NAME, [b"one", b""], ["label"], {"signature": "embed"})
    length = headers[protocol.HEADER_LENGTH]
    head, content = forwarded(body, length)
    assert head == json.loads(body[: int(length)])
    assert content == body[int(length) :]


def test_a_body_of_nothing_but_an_image():
    head, content = forwarded(b"image", "0")
    assert head["parameters"] == {"binary_data_output": True}
    assert (head["inputs"][0]["shape"], content) == ([1, 1], binary(b"image"))


def test_of_duplicate_keys_the_one_that_was_checked_goes_on():
    body = b'{"inputs": [{"shape": [0, 1]}], "inputs": [' + json.dumps(TENSOR).encode() + b"]}"
    head, _ = forwarded(body)
    assert head["inputs"][0]["shape"] == [1, 1]


def with_tensor(**fields) -> bytes:
    return json.dumps({"inputs": [{**TENSOR, **fields}]}).encode()


def with_head(**fields) -> bytes:
    return json.dumps({"inputs": [TENSOR], **fields}).encode()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "JSON Parse error"),
        (b"[]", "no JSON object"),
        (b'{"inputs": ' + b"[" * 60_000, "JSON Parse error"),
        (b"{}", "no list of the one input"),
        (with_head(inputs=[TENSOR, TENSOR]), "no list of the one input"),
        (with_head(inputs=[3]), "An input is no JSON object"),
        (with_tensor(name="pixels"), "name of the input must be 'image_bytes'"),
        (with_tensor(datatype="FP32"), "datatype of the input must be 'BYTES'"),
        (with_tensor(shape=[1]), r"shape of the input must be \[B, 1\]"),
        (with_tensor(shape=[0, 1]), "must be 1 to 4"),
        (with_tensor(shape=[5, 1]), "must be 1 to 4"),
        (with_tensor(shape=[True, 1]), "must be 1 to 4"),
        (with_tensor(shape=[2**64, 1]), "must be 1 to 4"),
        (with_tensor(shape=[2, 1]), r"shape is \[2, 1\]; there are 1 values"),
        (with_tensor(data=[1]), "value in 'data' is no string"),
        (with_tensor(data="x"), "there are 0 values"),
        (with_tensor(parameters={"binary_data_size": 0}), "either 'data' or 'binary_data_size'"),
        (with_tensor(parameters={"shared_memory_region": "r"}), "shared_memory_region; offered"),
        (with_head(outputs=[{"name": "label", "parameters": {"classification": 3}}]), "offered is"),
        (with_head(outputs=[{"name": "label", "parameters": {"binary_data": 1}}]), "neither true"),
        (with_head(outputs=[{}]), "name of an output is no string"),
        (with_head(outputs={}), "'outputs' is no list"),
        (with_head(id=3), "'id' is no string"),
        (with_head(id="\ud800"), "no text of at most"),
        (with_head(parameters=[]), "'parameters' is no JSON object"),
        (with_head(parameters={"signature": 3.5}), "'signature' is no string"),
    ],
)
def test_what_is_refused(body, sentence):
    with pytest.raises(json_body.MalformedError, match=sentence):
        forwarded(body)


@pytest.mark.parametrize(
    ("content", "size", "sentence"),
    [
        (binary(b"x")[:3], 3, "ends within a length"),
        (binary(b"xyz")[:-1], 6, "ends within a value"),
        (struct.pack("<I", 2**32 - 1), 4, "ends within a value"),
        (binary(b"x", b"y"), 10, r"shape is \[1, 1\]; there are 2 values"),
        (b"", 0, "there are 0 values"),
        (binary(b"x"), 4, "not match 'binary_data_size'"),
        (binary(b"x"), -5, "not match 'binary_data_size'"),
        (binary(b"x"), "5", "not match 'binary_data_size'"),
    ],
)
def test_lies_about_lengths(content, size, sentence):
    tensor = {key: TENSOR[key] for key in ("name", "shape", "datatype")}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": size}}]}).encode()
    with pytest.raises(json_body.MalformedError, match=sentence):
        forwarded(head + content, str(len(head)))


@pytest.mark.parametrize("length", ["-1", "", "a", "9" * 20, "100", "٣", "1.0"])
def test_a_header_length_that_makes_no_sense(length):
    with pytest.raises(json_body.MalformedError, match="allowed is a number from 0 to 5"):
        forwarded(b"image", length)
