"""The database of ML Metadata in an output folder."""

import contextlib
import sqlite3
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2


def connection_config(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """Returns the connection to a database, which is created when it is first opened.

    TFX's own function creates the folder at once; a dry run must not.
    """
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = (
        metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    )
    return config


def copy(source: Path, target: Path) -> None:
    """Makes a consistent copy, even while a run writes to it; does nothing without a database."""
    if not source.exists():
        return
    with (
        contextlib.closing(
            sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
        ) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
