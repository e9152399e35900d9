"""A copy of ML Metadata, taken while others write."""

import sqlite3

from pipeline import output_folder
from pipeline.history import database


def test_a_copy_of_nothing_is_nothing(tmp_path):
    database.copy(output_folder.OutputFolder(tmp_path / "none").metadata, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
    assert database.connection_config(
        output_folder.OutputFolder(tmp_path / "none").metadata
    ).sqlite.filename_uri
    assert list(tmp_path.iterdir()) == []


def test_a_copy_has_what_was_committed_and_leaves_the_source_alone(tmp_path):
    source = sqlite3.connect(output_folder.OutputFolder(tmp_path).metadata)
    source.execute("CREATE TABLE t (value INTEGER)")
    source.execute("INSERT INTO t VALUES (1)")
    source.commit()
    source.execute("INSERT INTO t VALUES (2)")  # a transaction that goes on
    before = sorted(path.name for path in tmp_path.iterdir())
    database.copy(output_folder.OutputFolder(tmp_path).metadata, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "copy"])
    copied = sqlite3.connect(tmp_path / "copy")
    assert copied.execute("SELECT value FROM t").fetchall() == [(1,)]
    copied.close()
    source.close()
