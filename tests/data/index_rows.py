"""Rows of an ingest's index."""

from data.images import decode, quality
from data.splits import file_index

INFO = decode.ImageInfo(
    "PNG", 20, 30, 1, "TIFF", True, "ab" * 32, quality.Quality(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
)


def row(path: str, result=INFO) -> file_index.Row:
    return file_index.Row(path, 7, 12345, "cd" * 32, result)
