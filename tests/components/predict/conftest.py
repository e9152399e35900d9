"""Shards of image records, some of them unusual, and the tiny model's answers about them."""

import os
from pathlib import Path

import pytest

from components.predict import exported_model, shards
from data.examples import example, examples_artifact, records
from data.files import hashing
from data.images import decode
from data.images.quality import Quality
from tasks.predictions import schema
from tests.data.pictures import noise, saved
from tests.models import TINY_LABELS, Exported

ODD = "m\udce9tal/\udcff.jpg"  # a name of bytes that are no UTF-8
BROKEN = "glass/broken.jpg"
INFO = decode.ImageInfo("JPEG", 40, 60, 3, "JPEG", False, "ff", Quality(*[0.5] * 6))


def record(path: str, label_id: int, content: bytes, span: int = example.NO_SPAN) -> bytes:
    source = example.ImageSource(
        path, (TINY_LABELS[label_id],), (label_id,), hashing.sha256(content), span
    )
    return example.Encoder().encode(content, INFO, source)


def jpeg(seed: int) -> bytes:
    return saved(noise(40, 60, seed), "JPEG")


def write(uri: Path, split: str, lines: list[bytes], count: int = 2) -> list[str]:
    """Writes records as shards, and gives their paths."""
    for index in range(count):
        path = uri / f"Split-{split}" / records.shard_name(index, count)
        records.write(str(path), lines[index::count])
    return examples_artifact.shards(str(uri), split)


def answer(
    files: list[str], target: Path, model: exported_model.Model, split: str = "test"
) -> list[str]:
    """As the step does it, without Beam."""
    for path in files:
        evaluated = target / "evaluated" / f"Split-{split}" / os.path.basename(path)
        predictions = schema.shard_path(str(target), split, path)
        shards.answer(shards.Shard(path, predictions, str(evaluated)), model)
    return schema.files(str(target), split)


@pytest.fixture(scope="package")
def lines() -> list[bytes]:
    """Seven images: one of an odd name, one of a span, one that no model can read."""
    made = [record(f"paper/{seed}.jpg", 2, jpeg(seed)) for seed in range(4)]
    made.append(record("glass/new.jpg", 0, jpeg(4), span=3))
    return [*made, record(ODD, 1, jpeg(5)), record(BROKEN, 0, b"not an image")]


@pytest.fixture(scope="package")
def files(lines, tmp_path_factory) -> list[str]:
    return write(tmp_path_factory.mktemp("examples"), "test", lines)


@pytest.fixture(scope="package")
def model(right: Exported) -> exported_model.Model:
    """The tiny model, loaded once."""
    return exported_model.Model(right.saved_model)


@pytest.fixture(scope="package")
def answered(files, model, tmp_path_factory) -> Path:
    """The tiny model's answers as an artifact."""
    target = tmp_path_factory.mktemp("predictions")
    answer(files, target, model)
    return target


@pytest.fixture
def asked(monkeypatch, model) -> list[int]:
    """Records the images of each pass of the network, on one model: loading one takes seconds."""
    counts: list[int] = []
    ask = exported_model.Model.ask

    def counted(self, serialized):
        assert self.digest == model.digest
        counts.append(len(serialized))
        return ask(model, serialized)

    monkeypatch.setattr(exported_model.Model, "ask", counted)
    return counts
