"""TFRecord shards: their names, and writing one whole or not at all.

Shards are raw: an encoded image does not compress again, and gzip would cost 14 times the CPU.
"""

import os
import uuid
from collections.abc import Iterable

import tensorflow as tf

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
    # Readers glob the folder: what is unfinished must not lie in it.
    folder = os.path.join(os.path.dirname(os.path.dirname(path)), ".unfinished")
    tf.io.gfile.makedirs(folder)
    tf.io.gfile.makedirs(os.path.dirname(path))
    temporary = os.path.join(folder, f"{uuid.uuid4().hex}-{os.path.basename(path)}")
    count = 0
    try:
        with tf.io.TFRecordWriter(temporary) as writer:
            for record in records:
                writer.write(record)
                count += 1
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        if tf.io.gfile.exists(temporary):
            tf.io.gfile.remove(temporary)
        raise
    return count


def files(split_uri: str) -> list[str]:
    """The shards in a split's folder, sorted."""
    return sorted(tf.io.gfile.glob(os.path.join(split_uri, f"{PREFIX}-*-of-*")))
