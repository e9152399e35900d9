import json

import pytest

from data.images import decode, refusals, value_range
from data.splits import file_index, folder
from tests.data.index_rows import INFO, row


def test_rows_round_trip(tmp_path):
    values = value_range.Values("integer", 0, 4095.0, value_range.Range(0, 4095))
    deep = INFO._replace(values=values)
    bad = decode.Rejection("damaged", "why")
    rows = [row("cat/a\udcff\n.png"), row("b", bad), row("c", deep)]
    file_index.save(tmp_path / "state", rows)
    assert list(file_index.load(tmp_path / "state").values()) == rows
    assert file_index.load(tmp_path / "nothing") == {}


def test_rows_of_versions_without_values_are_read():
    added = [None, "", "", 0, 0, 1]
    for lacking in range(1, len(added) + 1):
        found = json.loads(row("a").to_json())
        assert found[-1][-lacking:] == added[-lacking:]
        del found[-1][-lacking:]
        assert file_index.Row.of(found) == row("a")


@pytest.mark.parametrize(
    "values",
    [["odd", 0, 1, [0, 1]], ["integer", 0, 1, [1, 1]], ["integer", "0", 1, [0, 1]], ["integer"], 7],
)
def test_damaged_values_are_refused(values):
    found = json.loads(row("a").to_json())
    found[-1][decode.ImageInfo._fields.index("values")] = values
    with pytest.raises((TypeError, ValueError)):
        file_index.Row.of(found)


def test_what_was_appended_is_there_and_newer(tmp_path):
    file_index.save(tmp_path, [row("a"), row("b")])
    file_index.append(tmp_path, [row("b", decode.Rejection("damaged")), row("c")])
    file_index.append(tmp_path, [row("d")])
    loaded = file_index.load(tmp_path)
    assert list(loaded) == ["a", "b", "c", "d"]
    assert loaded["b"].result == decode.Rejection("damaged")
    file_index.save(tmp_path, loaded.values())
    assert file_index.load(tmp_path) == loaded
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1


def test_a_torn_line_is_passed_over(tmp_path):
    file_index.append(tmp_path, [row("a"), row("b")])
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_text(path.read_text()[:-20])
    assert list(file_index.load(tmp_path)) == ["a"]


def test_passing_failures_are_not_kept(tmp_path):
    results = {"slow": "too_slow", "gone": "unreadable", "bad": "damaged", "empty": "empty"}
    file_index.save(tmp_path, [row(path, decode.Rejection(code)) for path, code in results.items()])
    assert list(file_index.load(tmp_path)) == ["bad", "empty"]
    assert set(results.values()) | file_index.TRANSIENT_REASONS <= refusals.REASONS.keys()


def test_a_row_describes_an_unchanged_file():
    file = folder.ImageFile("a", ("cat",), None, 7, 12345)
    assert row("a").describes(file)
    assert not row("a").describes(folder.ImageFile("a", ("cat",), None, 8, 12345))
    assert not row("a").describes(folder.ImageFile("a", ("cat",), None, 7, 12346))


def test_damaged_lines_are_passed_over_and_counted(tmp_path, caplog):
    file_index.save(tmp_path, [row("a"), row("b"), row("c")])
    path = tmp_path / file_index.INDEX_FILE
    first, second, third = path.read_bytes().splitlines(keepends=True)
    broken = [
        b"\0" * 4096 + first,  # after a power failure, then written to again
        second.replace(b"20, 30", b'20, "wide"'),
        second.replace(b"cd" * 32, b"../../../../etc/passwd"),
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
        b"{}\n",
        b"null\n",
        third,
    ]
    path.write_bytes(b"".join(broken))
    assert list(file_index.load(tmp_path)) == ["a", "c"]
    assert "6 lines are damaged and were skipped" in caplog.text
