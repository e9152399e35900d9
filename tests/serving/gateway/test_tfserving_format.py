"""Written from tensorflow.org/tfx/serving/api_rest."""

import base64
import json
import tracemalloc

import numpy as np
import pytest

from serving.gateway import json_body, tfserving_format
from serving.versions import signatures

B64 = {"b64": "aW1hZ2U="}


def parse(content, **more) -> tfserving_format.Predict:
    return tfserving_format.parse(json.dumps({**content, **more}).encode(), "image_bytes", 3, 65536)


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ({"instances": [B64, B64]}, True),
        ({"instances": [{"image_bytes": B64}, {"image_bytes": B64}]}, True),
        ({"instances": [[B64], [B64]]}, True),
        ({"instances": ["image", "image"]}, True),
        ({"inputs": [B64, B64]}, False),
        ({"inputs": {"image_bytes": [B64, B64]}}, False),
        ({"inputs": {"image_bytes": [[B64], [B64]]}}, False),
    ],
)
def test_row_and_column_form(content, row):
    expected = tfserving_format.Predict("serving_default", [b"image"] * 2, row)
    assert parse(content) == expected


def test_a_single_input_and_a_signature():
    given = parse({"inputs": B64}, signature_name="embed")
    assert given == tfserving_format.Predict("embed", [b"image"], False)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "JSON Parse error"),
        (b"\xff\xfe", "JSON Parse error"),
        (b"[" * 60_000, "JSON Parse error"),
        (b"[1]", "no JSON object"),
        (b"{}", "either 'instances' or 'inputs'"),
        (b'{"instances": [], "inputs": []}', "either 'instances' or 'inputs'"),
        (b'{"instances": []}', "no instance"),
        (b'{"instances": {"b64": ""}}', "no instance"),
        (b'{"inputs": []}', "no instance"),
        (b'{"instances": [5]}', "must be"),
        (b'{"instances": [null]}', "must be"),
        (b'{"instances": [{"b64": 5}]}', "must be"),
        (b'{"instances": [{"b64": "x", "more": 1}]}', "must be"),
        (b'{"instances": [{"b64": "*"}]}', "not base64"),
        (b'{"instances": [{"pixels": []}]}', "inputs are pixels; needed: image_bytes"),
        (b'{"inputs": {"a": [], "b": []}}', "inputs are a, b; needed: image_bytes"),
        (b'{"instances": ["x"], "signature_name": 5}', "no string"),
        (b'{"instances": ["x"], "signature_name": "\\ud800"}', "no text of at most 256"),
        (b'{"instances": ["x", "x", "x", "x"]}', "are 4 instances; allowed are 3"),
        (b'{"instances": [' + b"[]," * 40_000 + b"[]]}", "more than 65536 values"),
        (b'{"instances": ' + b"9" * 5000 + b"}", "JSON Parse error"),
    ],
)
def test_what_cannot_be_understood(body, sentence):
    with pytest.raises(json_body.MalformedError, match=sentence):
        tfserving_format.parse(body, "image_bytes", 3, 65536)


def answer(outputs, row) -> dict:
    return json.loads(b"".join(tfserving_format.pieces(outputs, row)))


def test_answers_by_row_and_column():
    outputs = {
        "score": np.float32([0.5, 0.25]),
        "label": np.array(["Möwe".encode(), b""], object),
        "raw_bytes": np.array([[b"a"], [b"b"]], object),
    }
    assert answer(outputs, row=True) == {
        "predictions": [
            {"label": "Möwe", "raw_bytes": [{"b64": "YQ=="}], "score": 0.5},
            {"label": "", "raw_bytes": [{"b64": "Yg=="}], "score": 0.25},
        ]
    }
    assert answer(outputs, row=False)["outputs"]["label"] == ["Möwe", ""]


def test_a_single_output_has_no_name():
    outputs = {"embedding": np.float32([[1, 2]])}
    assert answer(outputs, row=True) == {"predictions": [[1.0, 2.0]]}
    assert answer(outputs, row=False) == {"outputs": [[1.0, 2.0]]}


@pytest.mark.parametrize("row", [True, False])
def test_an_answer_is_made_as_it_is_read(row):
    """All of it is 6 MB and more."""
    outputs = {"map": np.full((256, 64, 64), 0.25, np.float32), "score": np.zeros(256, np.float32)}
    tracemalloc.start()
    size = sum(len(piece) for piece in tfserving_format.pieces(outputs, row))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 6_000_000
    assert most < 1_000_000


def test_states():
    entries = [
        {"version": "3", "state": "UNAVAILABLE", "reason": "Internal: broken"},
        {"version": "2", "state": "READY"},
        {"version": "1", "state": "UNAVAILABLE", "reason": "unloaded"},
    ]
    rows = tfserving_format.status(entries)["model_version_status"]
    assert [(row["version"], row["state"]) for row in rows] == [
        ("3", "END"),
        ("2", "AVAILABLE"),
        ("1", "END"),
    ]
    assert rows[0]["status"] == {"error_code": "UNKNOWN", "error_message": "Internal: broken"}
    assert rows[2]["status"] == {"error_code": "OK", "error_message": ""}


def test_metadata():
    tensor = signatures.Tensor("TYPE_FP32", 1)
    text = signatures.Tensor("TYPE_STRING", 0)
    signature = signatures.Signature({"image_bytes": text}, {"probabilities": tensor})
    answer = tfserving_format.metadata("m", "4", {"serving_default": signature})
    assert answer["model_spec"] == {"name": "m", "signature_name": "", "version": "4"}
    described = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert described["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    output = described["outputs"]["probabilities"]
    assert output["dtype"] == "DT_FLOAT"
    assert len(output["tensor_shape"]["dim"]) == 2


@pytest.mark.parametrize(
    "text", ["", "AAAA", "AAA=", "AA==", "A+/9", *("A" * 4 * n + "Ab8=" for n in range(3))]
)
def test_base64_is_decoded(text):
    expected = base64.b64decode(text, validate=True)
    assert json_body.from_base64(text) == json_body.from_base64(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("A", "AA", "AAA", "AAAAA", "=", "====", "A===", "AAAA=", "AAAA====", "AA==AAAA", "AA=A"),
        *("AA A", "AAAA\n", "AAAA\n\n\n\n", "AAAA    ", "AAA-", "AAA_", "é" * 4, "AAAAé", "\0" * 4),
    ],
)
def test_what_is_no_base64_is_refused(text):
    for given in (text, text.encode()):
        with pytest.raises(ValueError, match=r"\w"):
            json_body.from_base64(given)
