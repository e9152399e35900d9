"""Exports TensorFlow Datasets as class folders, the only input format of the pipeline."""

import difflib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import errors, progress
from data.layout import names

TASK = "exporting images"
LONGEST_PAUSE_S = 2
MESSAGE_LENGTH = 100


def export(name: str, target: str | Path) -> Path:
    """Downloads an image set and writes it as class folders, once.

    Args:
      name: its name in TensorFlow Datasets, such as ``beans`` or ``cifar10:3.0.2``.
      target: the folder to create; left unchanged if it exists already.

    Returns:
      The target.

    Raises:
      errors.DataError: the name is unknown, the set has no images with labels, or the download
        failed.
    """
    target = Path(target)
    if target.exists():
        return target
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False))
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise errors.DataError(f"TensorFlow Datasets has no data set {name!r}.{hint}") from error
    except Exception as error:
        raise errors.DataError(f"--tfds {name} cannot be read: {_first_line(error)}") from error
    _check_features(builder)
    try:
        with _brief_retries():
            builder.download_and_prepare()
    except Exception as error:
        raise errors.DataError(
            f"--tfds {name} cannot be downloaded ({_first_line(error)}); on a closed network,"
            " give a folder of your own with --data-dir, or leave both out for the digits."
        ) from error
    return write(builder, target)


def write(builder: Any, target: Path) -> Path:
    """Writes a prepared builder's splits as ``<target>/<split>/<class>/<index>.<suffix>``.

    A set with one split becomes ``<target>/<class>/…``, and the pipeline splits it. Images
    are written as they are stored, without decoding.
    """
    import tensorflow_datasets as tfds

    label_name = builder.info.features["label"].int2str
    splits = {name: names.split_of(name) for name in builder.info.splits}
    keep_splits = "train" in splits.values() and len(splits) > 1
    total = sum(split.num_examples for split in builder.info.splits.values())
    task = progress.start(TASK, total=total)
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, known in splits.items():
        if keep_splits and known is None:
            task.advance(builder.info.splits[name].num_examples)
            continue
        decoders = {"image": tfds.decode.SkipDecoding()}
        records = tfds.as_numpy(builder.as_dataset(split=name, decoders=decoders))
        for index, record in enumerate(records):
            class_name = label_name(int(record["label"])).replace("/", "_")
            parent = partial / name / class_name if keep_splits else partial / class_name
            parent.mkdir(parents=True, exist_ok=True)
            suffix = "png" if record["image"][:4] == b"\x89PNG" else "jpg"
            (parent / f"{name}-{index:06d}.{suffix}").write_bytes(record["image"])
            task.advance()
    os.replace(partial, target)
    return target


def _check_features(builder: Any) -> None:
    features = builder.info.features or {}
    missing = [key for key in ("image", "label") if key not in features]
    if missing or not hasattr(features["label"], "int2str"):
        raise errors.DataError(
            f"--tfds {builder.name} is no set of images of one class each: it has the features"
            f" {', '.join(features)}; image and a class label are needed."
        )


@contextmanager
def _brief_retries() -> Iterator[None]:
    """Limits a download without a network to about 20 s; by default it retries for minutes."""
    from urllib3.util import retry

    stock = retry.Retry

    class BriefRetry(stock):  # type: ignore[misc, valid-type]
        def __init__(self, *values: Any, **options: Any) -> None:
            super().__init__(*values, **{"backoff_max": LONGEST_PAUSE_S, **options})

    retry.Retry = BriefRetry  # type: ignore[misc]
    try:
        yield
    finally:
        retry.Retry = stock  # type: ignore[misc]


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or ["no message"])[0]
    line = line if len(line) <= MESSAGE_LENGTH else f"{line[:MESSAGE_LENGTH]} …"
    return f"{type(error).__name__}: {line}"
