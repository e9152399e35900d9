"""JSON lines and Parquet."""

import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import errors
from data.sources import registry as label_sources
from data.sources.formats import parquet
from tests.data import manifests
from tests.data.folders import touch


def refused(path, *options, **settings) -> str:
    with pytest.raises(errors.DataError) as caught:
        label_sources.scan(manifests.request(path, *options, **settings))
    return str(caught.value)


def test_lines_that_are_no_objects_are_told(tmp_path):
    touch(tmp_path, "a.jpg")
    path = tmp_path / "labels.jsonl"
    path.write_text(
        '\n{"file_name": "a.jpg", "label": "x"}\n\n[1]\n{"file_name"\n7\n' + "[" * 50_000
    )
    message = refused(path)
    assert message.startswith(
        "labels.jsonl: rows that cannot be read: 4 (line 4: no JSON object: [1]"
    )
    assert "line 5: no JSON: Expecting ':' delimiter" in message
    assert "line 6: no JSON object: 7; line 7: no JSON:" in message


def test_a_key_that_only_later_lines_have(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    rows = [{"file_name": "a.jpg", "label": "x"}] * 3000
    rows.append({"file_name": "b.jpg", "label": "y", "split": "test", "group": "g"})
    listing = manifests.listed(manifests.write(tmp_path / "labels.jsonl", rows))
    assert [(file.split, file.group) for file in listing.files] == [(None, None), ("test", "g")]


def test_json_lines_without_an_object(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text("\n \n")
    assert "no line of it is a JSON object" in refused(path)
    path.write_text("".join(f'{{"k{i}": 1}}\n' for i in range(10_001)))
    assert "its objects have more than 10,000 keys" in refused(path)


def test_types_of_parquet(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    names = pa.array(["a.jpg", "b.jpg"]).dictionary_encode()
    for labels, found in (
        (pa.array(["x", "y"]).dictionary_encode(), [("x",), ("y",)]),
        (pa.array([1, 2], pa.int8()), [("1",), ("2",)]),
        (pa.array([["y", "x"], []], pa.list_(pa.string())), [("x", "y"), ()]),
        (pa.array([1.0, None]), [("1",), ()]),
        (pa.array(["x", None], pa.large_string()), [("x",), ()]),
    ):
        path = tmp_path / "labels.parquet"
        pq.write_table(pa.table({"file_name": names, "label": labels, "image": names}), path)
        assert [file.labels for file in manifests.listed(path, "any").files] == found
    assert "rows without a label: 1 (row 2)" in refused(path)


def test_parquet_with_images_in_it(tmp_path):
    path = tmp_path / "train.parquet"
    images = pa.array([{"bytes": b"x", "path": "a.jpg"}])
    pq.write_table(pa.table({"image": images, "label": [1]}), path)
    message = refused(path)
    assert (
        "rows that cannot be read: 1 (row 1: {'bytes': b'x', 'path': 'a.jpg'} is no path)"
        in message
    )


def test_parquet_that_is_small_and_unpacks_to_much(tmp_path, monkeypatch):
    path = tmp_path / "labels.parquet"
    names = pa.array(["x" * 50_000] * 2_000).dictionary_encode()
    pq.write_table(pa.table({"path": names, "label": names}), path)
    tracemalloc.start()
    assert "rows whose file does not exist: 2,000 (row 1: xxx" in refused(path)
    assert tracemalloc.get_traced_memory()[1] < 32 << 20  # 200 MB if each had its own
    tracemalloc.stop()
    monkeypatch.setattr(parquet, "MAX_BATCH_BYTES", 1 << 20)
    names = pa.array(["x" * 50_000] * 100)
    pq.write_table(pa.table({"path": names, "label": names}), path)
    message = refused(path)
    assert "labels.parquet cannot be used: 100 rows of it hold 10," in message


def test_parquet_that_is_none(tmp_path):
    path = tmp_path / "labels.parquet"
    path.write_bytes(b"PAR1" + b"x" * 100)
    assert "labels.parquet cannot be used: it is no whole Parquet file" in refused(path)
