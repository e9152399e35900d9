"""Folders that are versions to a server, without a graph: cheap to make, read, and damage."""

from pathlib import Path


def write(folder: Path) -> Path:
    """Writes a ``saved_model.pb`` whose ``serving_default`` takes and gives a batch of strings."""
    shape = _field(2, b"")  # one dimension: the batch
    tensor = b"\x10\x07" + _field(3, shape)  # its data type is DT_STRING
    entry = _field(1, b"image_bytes") + _field(2, tensor)
    signature = _field(1, entry) + _field(2, entry)
    graph = _field(5, _field(1, b"serving_default") + _field(2, signature))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(_field(2, graph))
    return folder


def damage(folder: Path) -> Path:
    """Writes half of such a file, as a copy that broke off leaves it."""
    path = write(folder) / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:-20])
    return folder


def _field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that holds a text or a message of less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content
