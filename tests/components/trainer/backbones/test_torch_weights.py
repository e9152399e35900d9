import collections
import contextlib
import io
import os
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from components.trainer.backbones import torch_weights


class FakeStorage:
    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


@pytest.fixture
def torch(monkeypatch):
    """Stand-ins for torch's names, so that the real pickle format can be written without torch."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*arguments):
        raise AssertionError("never called when writing")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    for name in ("FloatStorage", "LongStorage", "DoubleStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


def legacy_file(torch, path, tensors, magic=torch_weights.MAGIC_NUMBER):
    """Writes tensors {name: (kind, values, offset, shape, strides)} in the legacy format."""

    class Tensor:
        def __init__(self, key, kind, values, offset, shape, strides):
            self.storage = FakeStorage(kind, key, values)
            self.rest = (offset, shape, strides, False, collections.OrderedDict())

        def __reduce__(self):
            return sys.modules["torch._utils"]._rebuild_tensor_v2, (self.storage, *self.rest)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, FakeStorage):
                kind = getattr(torch, value.kind)
                return ("storage", kind, value.key, "cpu", len(value.values), None)
            return None

    rows = collections.OrderedDict(
        (name, Tensor(str(index), *spec)) for index, (name, spec) in enumerate(tensors.items())
    )
    with open(path, "wb") as file:
        for value in (magic, torch_weights.PROTOCOL_VERSION, {"little_endian": True}):
            pickle.dump(value, file, protocol=2)
        buffer = io.BytesIO()
        Pickler(buffer, protocol=2).dump(rows)
        file.write(buffer.getvalue())
        pickle.dump([str(index) for index in range(len(tensors))], file, protocol=2)
        for kind, values, *_ in tensors.values():
            dtype = "<i8" if kind == "LongStorage" else "<f4"
            file.write(struct.pack("<q", len(values)) + np.asarray(values, dtype).tobytes())


def test_contiguous_transposed_and_offset_tensors(torch, tmp_path):
    values = np.arange(6, dtype=np.float32)
    tensors = {
        "plain": ("FloatStorage", values, 0, (2, 3), (3, 1)),
        "transposed": ("FloatStorage", values, 0, (3, 2), (1, 3)),
        "tail": ("FloatStorage", values, 4, (2,), (1,)),
        "count": ("LongStorage", [7], 0, (), ()),
    }
    legacy_file(torch, tmp_path / "w.pth", tensors)
    loaded = torch_weights.load(tmp_path / "w.pth")
    np.testing.assert_array_equal(loaded["plain"], values.reshape(2, 3))
    np.testing.assert_array_equal(loaded["transposed"], values.reshape(2, 3).T)
    np.testing.assert_array_equal(loaded["tail"], [4, 5])
    assert loaded["count"] == 7
    assert loaded["count"].dtype == np.int64
    assert loaded["transposed"].flags.c_contiguous


def test_a_tensor_past_its_storage_is_refused(torch, tmp_path):
    tensors = {"w": ("FloatStorage", np.zeros(6), 4, (2, 3), (3, 1))}
    legacy_file(torch, tmp_path / "w.pth", tensors)
    with pytest.raises(torch_weights.WeightsFileError, match="reaches past its storage"):
        torch_weights.load(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "message"),
    [
        (0, (2, 3), (-1, 1), "all must be whole numbers from 0"),
        (0, (6,), (-1,), "all must be whole numbers from 0"),
        (-3, (3,), (1,), "all must be whole numbers from 0"),
        (0, (-1, 3), (3, 1), "all must be whole numbers from 0"),
        (0, (2.0,), (1,), "all must be whole numbers from 0"),
        (0, (2,), (True,), "all must be whole numbers from 0"),
        (0, (2, 3), (1,), "has the strides"),
        (0, (1,) * 40, (1,) * 40, "has the strides"),
        (7, (), (), "reaches past its storage of 6 values"),
        (2**70, (1,), (1,), "reaches past its storage"),
        (0, (2**40,), (0,), "reaches past its storage"),
        (0, (2, 2), (2**62, 1), "reaches past its storage"),
    ],
)
def test_what_reads_outside_the_storage_is_refused(
    torch, tmp_path, offset, shape, strides, message
):
    """Before the first value, after the last one, or more often than there are values."""
    tensors = {"w": ("FloatStorage", np.zeros(6), offset, shape, strides)}
    legacy_file(torch, tmp_path / "w.pth", tensors)
    with pytest.raises(torch_weights.WeightsFileError, match=message):
        torch_weights.load(tmp_path / "w.pth")


def test_an_empty_tensor_reads_nothing(torch, tmp_path):
    tensors = {"w": ("FloatStorage", np.zeros(6), 9, (0, 3), (3, 1))}
    legacy_file(torch, tmp_path / "w.pth", tensors)
    assert torch_weights.load(tmp_path / "w.pth")["w"].shape == (0, 3)


def test_a_file_of_which_any_byte_changed_is_read_or_refused(torch, tmp_path):
    tensors = {"w": ("FloatStorage", np.arange(6), 0, (2, 3), (3, 1))}
    path = tmp_path / "w.pth"
    legacy_file(torch, path, tensors)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] = random.integers(256)
        path.write_bytes(changed if place % 3 else changed[:place])
        with contextlib.suppress(torch_weights.WeightsFileError):
            torch_weights.load(path)


def test_another_type_of_storage_is_refused(torch, tmp_path):
    legacy_file(torch, tmp_path / "w.pth", {"w": ("DoubleStorage", np.zeros(2), 0, (2,), (1,))})
    with pytest.raises(
        torch_weights.WeightsFileError, match=r"refused to load torch\.DoubleStorage"
    ):
        torch_weights.load(tmp_path / "w.pth")


def test_code_in_the_file_does_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/owned",)

    (tmp_path / "w.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(torch_weights.WeightsFileError, match="refused to load"):
        torch_weights.load(tmp_path / "w.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"junk", pickle.dumps(5), pickle.dumps("text")])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(torch_weights.WeightsFileError):
        torch_weights.load(tmp_path / "w.pth")


def test_the_digest_is_checked(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"x")
    with pytest.raises(torch_weights.WeightsFileError, match=r"sha256 is .* expected abc"):
        torch_weights.load(tmp_path / "w.pth", sha256="abc")
