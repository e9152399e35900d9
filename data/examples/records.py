"""TFRecord shards: their names, and writing one whole or not at all.

Shards are raw: an encoded image does not compress again, and gzip would cost 14 times the CPU.
"""

import os
import uuid
from collections.abc import Iterable, Sequence

import tensorflow as tf

from data import errors

PREFIX = "examples"


def shard_name(index: int, count: int) -> str:
    """The file name of a shard, ``examples-00002-of-00010``."""
    return f"{PREFIX}-{index:05d}-of-{count:05d}"


def shard_count(size_bytes: float, shard_bytes: int) -> int:
    """How many shards of about ``shard_bytes`` hold ``size_bytes``; at least one."""
    return max(1, round(size_bytes / shard_bytes))


def write(path: str, records: Iterable[bytes]) -> int:
    """Writes a shard under a temporary name and renames it, so that a retry is harmless.

    Returns:
      How many records were written.
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
    """Copies a local file to where a shard belongs, whole or not at all."""
    temporary = _unfinished(path)
    try:
        tf.io.gfile.copy(local, temporary)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        _remove(temporary)
        raise


def check_written(targets: Sequence[str]) -> None:
    """Makes sure that every shard was written, whatever engine was asked to.

    Raises:
      errors.PipelineError: one was not.
    """
    missing = [path for path in targets if not tf.io.gfile.exists(path)]
    if missing:
        raise errors.PipelineError(
            f"{len(missing)} of {len(targets)} shards were not written, such as {missing[0]}: Beam"
            " lost work, or a worker wrote elsewhere. Workers need the output folder at the same"
            " path."
        )


def files(split_uri: str) -> list[str]:
    """The shards in a split's folder, sorted."""
    return sorted(tf.io.gfile.glob(os.path.join(split_uri, f"{PREFIX}-*-of-*")))


def _unfinished(path: str) -> str:
    """Where a shard is written first: readers glob its folder, what is unfinished is not there."""
    folder = os.path.join(os.path.dirname(os.path.dirname(path)), ".unfinished")
    tf.io.gfile.makedirs(folder)
    tf.io.gfile.makedirs(os.path.dirname(path))
    return os.path.join(folder, f"{uuid.uuid4().hex}-{os.path.basename(path)}")


def _remove(path: str) -> None:
    if tf.io.gfile.exists(path):
        tf.io.gfile.remove(path)
