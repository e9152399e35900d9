"""The network's file is read back: torn, replaced or hostile ones are refused before anything parses them."""

import hashlib
import os

import hypothesis
import pytest

from tests.serving.backend import onnx_file

onnx = pytest.importorskip("onnx")


def model(domain: str = "", external: bool = False, inside: bool = False) -> bytes:
    """Builds a network of one addition, its weight inside a branch if asked for."""
    helper, types = onnx.helper, onnx.TensorProto
    weight = helper.make_tensor("w", types.FLOAT, [1], [1.0])
    if external:
        weight.ClearField("float_data")
        weight.data_location = types.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
    node = helper.make_node("Add", ["x", "w"], ["y"], domain=domain)
    x, y = (helper.make_tensor_value_info(name, types.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([node], "g", [x], [y], [weight])
    if inside:
        branch = helper.make_node("If", ["c"], ["z"], then_branch=graph, else_branch=graph)
        z = helper.make_tensor_value_info("z", types.FLOAT, [1])
        graph = helper.make_graph([branch], "outer", [x], [z])
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 2)]
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


def contract(content: bytes, **changed: object) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    entry = {"sha256": digest, "size_bytes": len(content), "compared": "p", "absent": ""}
    return {"network": {**entry, **changed}}


@pytest.fixture
def written(tmp_path):
    """Returns a function that writes the file and returns the version's folder."""

    def write(content: bytes) -> str:
        path = tmp_path / onnx_file.PATH
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return str(tmp_path)

    return write


def refused(folder, contract) -> str:
    with pytest.raises(onnx_file.UnusableError) as error:
        onnx_file.read(str(folder), contract)
    return str(error.value)


def test_the_file_that_the_contract_names_is_read(written):
    content = model()
    assert onnx_file.read(written(content), contract(content)) == content


@pytest.mark.parametrize(
    ("content", "changed", "expected"),
    [
        (model(), {"sha256": "0" * 64}, "is not the file that contract.json names"),
        (model(), {"sha256": None}, "has no digest"),
        (model(), {"sha256": "../" * 20}, "has no digest"),
        (model(), {"size_bytes": 7}, "has more bytes; contract.json says 7"),
        (model(), {"size_bytes": 10**6}, "bytes; contract.json says 1000000"),
        (model(), {"size_bytes": 1 << 40}, "allowed are 1 to"),
        (model(), {"size_bytes": "12"}, "allowed are 1 to"),
        (model("com.hostile"), {}, "operators of b'com.hostile'"),
        (model("com.hostile", inside=True), {}, "operators of b'com.hostile'"),
        (model(external=True), {}, "refers to another file"),
        (model(external=True, inside=True), {}, "refers to another file"),
        (model()[:-1], {}, "is damaged"),
        (b"\x3a\xff", {}, "is damaged"),
        (b"\x38\x01", {}, "is damaged (a number is where a message must be)"),
        (b"\xff" * 40, {}, "is damaged"),
    ],
)
def test_what_is_wrong_is_a_failure_and_said(written, content, changed, expected):
    folder = written(content)
    assert expected in refused(folder, contract(content, **changed))
    with pytest.raises(onnx_file.UnusableError) as error:
        onnx_file.read(folder, contract(content, **changed))
    assert error.value.is_failure


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, "an older release wrote it"),
        ({"network": None}, "an older release wrote it"),
        ([], "an older release wrote it"),
        ({"network": {"absent": "tf2onnx was not installed"}}, "tf2onnx was not installed"),
    ],
)
def test_a_version_without_a_network_is_no_failure(tmp_path, entry, expected):
    with pytest.raises(onnx_file.UnusableError, match=expected) as error:
        onnx_file.read(str(tmp_path), entry)
    assert not error.value.is_failure


def test_a_missing_file_and_a_pipe_are_failures(tmp_path):
    content = model()
    assert "cannot be read: No such file" in refused(tmp_path, contract(content))
    path = tmp_path / onnx_file.PATH
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert "is not a regular file" in refused(tmp_path, contract(content))


def nested(depth: int) -> bytes:
    """Packs graphs in attributes of nodes of graphs, field by field."""
    content = b""
    for number in [6, 5, 1] * depth:
        length, size = len(content), b""
        while length > 0x7F:
            size += bytes([length & 0x7F | 0x80])
            length >>= 7
        content = bytes([number << 3 | 2]) + size + bytes([length]) + content
    return b"\x3a" + bytes([0x80 | len(content) & 0x7F, len(content) >> 7]) + content


def test_graphs_in_graphs_are_bounded():
    with pytest.raises(onnx_file.UnusableError, match="64 deep"):
        onnx_file.check(nested(40))
    onnx_file.check(nested(19))


@hypothesis.given(hypothesis.strategies.data())
def test_a_changed_file_is_refused_or_still_has_standard_operators_only(data):
    content = bytearray(model())
    place = data.draw(hypothesis.strategies.integers(0, len(content) - 1))
    content[place] = data.draw(hypothesis.strategies.integers(0, 255))
    try:
        onnx_file.check(bytes(content))
    except onnx_file.UnusableError:
        return
    parsed = onnx.ModelProto()
    try:
        parsed.ParseFromString(bytes(content))
    except Exception:  # what protobuf refuses, ONNX Runtime refuses
        return
    assert {one.domain for one in parsed.opset_import} <= {"", "ai.onnx", "ai.onnx.ml"}
    assert {one.domain for one in parsed.graph.node} <= {"", "ai.onnx", "ai.onnx.ml"}
    assert all(one.data_location != onnx.TensorProto.EXTERNAL for one in parsed.graph.initializer)
