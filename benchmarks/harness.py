"""What the benchmarks share: data to run on, and the line that they end with."""

import argparse
import gc
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.sources import by_folder, digits

_STRIDE = 7919  # a prime: any number of images has all classes in it


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the flags that the benchmarks on images have."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data-dir", type=Path, help="class folders; the embedded digits by default")
    return made


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder that is deleted afterwards."""
    gc.freeze()  # of what was imported, as the pipeline's commands do
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        yield Path(name)


def data_dir(given: Path | None, scratch: Path) -> Path:
    """The class folders to run on."""
    return given if given is not None else digits.export(scratch / "digits")


def multiplied(source: Path, target: Path, count: int) -> Path:
    """Writes ``count`` different images made from those of a folder, in as many classes.

    Each is shifted by other pixels and stored in its own format, so that no two are copies.
    """
    files = by_folder.scan(source).files
    for number in range(count):
        file = files[number * _STRIDE % len(files)]
        path = target / file.class_name / f"{number:06d}{Path(file.path).suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source / file.path) as image:
            turn = number // len(files)
            values = np.roll(np.asarray(image), (turn % 23, turn // 23 + turn % 7), (0, 1))
            options = {"quality": 90} if image.format == "JPEG" else {}
            Image.fromarray(values, image.mode).save(path, image.format, **options)
    return target


def finish(
    claim: str,
    unit: str,
    reference: float,
    ours: float,
    ratio: float,
    goal: float,
    details: dict[str, Any],
) -> None:
    """Prints the result; the exit code says nothing of it."""
    result = {
        "claim": claim,
        "unit": unit,
        "reference": round(reference, 3),
        "ours": round(ours, 3),
        "ratio": round(ratio, 3),
        "goal": goal,
        "met": ratio >= goal,
        "details": details,
    }
    sys.stdout.flush()
    print(json.dumps(result))
