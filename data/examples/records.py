"""TFRecord shards: their names, and atomic writes.

Shards are uncompressed: encoded images do not compress further, and gzip would cost 14 times the
CPU time.
"""

import os
import uuid
from collections.abc import Iterable, Sequence

import tensorflow as tf

from data import errors

PREFIX = "examples"


def shard_name(index: int, count: int) -> str:
    """Returns the file name of a shard, ``examples-00002-of-00010``."""
    return f"{PREFIX}-{index:05d}-of-{count:05d}"


def shard_count(size_bytes: float, shard_bytes: int) -> int:
    """Returns how many shards of about ``shard_bytes`` hold ``size_bytes``; at least one."""
    return max(1, round(size_bytes / shard_bytes))


def write(path: str, records: Iterable[bytes]) -> int:
    """Writes a shard under a temporary name and renames it, so that a retry is harmless.

    Returns:
      The number of records written.
    """
    temporary = _unfinished(path)
    count = 0
    try:
        with tf.io.TFRecordWriter(temporary) as writer:
            for record in records:
                writer.write(record)
                count += 1
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        _remove(temporary)
        raise
    return count


def move_in(local: str, path: str) -> None:
    """Copies a local file to the place of a shard, atomically."""
    temporary = _unfinished(path)
    try:
        tf.io.gfile.copy(local, temporary)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        _remove(temporary)
        raise


def check_written(targets: Sequence[str]) -> None:
    """Checks that every shard was written, whichever engine ran the step.

    Raises:
      errors.PipelineError: a shard is missing.
    """
    missing = [path for path in targets if not tf.io.gfile.exists(path)]
    if missing:
        raise errors.PipelineError(
            f"{len(missing)} of {len(targets)} shards were not written, such as {missing[0]}: Beam"
            " lost work, or a worker wrote elsewhere. Workers need the output folder at the same"
            " path."
        )


def files(split_uri: str) -> list[str]:
    """Returns the shards in a split's folder, sorted."""
    return sorted(tf.io.gfile.glob(os.path.join(split_uri, f"{PREFIX}-*-of-*")))


def _unfinished(path: str) -> str:
    """Returns the temporary path of a shard, outside of the folder that readers glob."""
    folder = os.path.join(os.path.dirname(os.path.dirname(path)), ".unfinished")
    tf.io.gfile.makedirs(folder)
    tf.io.gfile.makedirs(os.path.dirname(path))
    return os.path.join(folder, f"{uuid.uuid4().hex}-{os.path.basename(path)}")


def _remove(path: str) -> None:
    if tf.io.gfile.exists(path):
        tf.io.gfile.remove(path)
