"""Ingest against a plain multiprocessing loop that does the same work on the same files.

    python benchmarks/ingest.py [--data-dir DIR] [--images N] [--repeats N]

Both read every file, take its sha256, decode it with Pillow (turned upright, hashed, measured)
and with TensorFlow, compare the two, and write TFRecords of the same records. The loop breaks at
the first file that is not a plain JPEG or PNG. Ours besides lists the folder, finds near
duplicates, assigns the splits, keeps an index, and outlives images that crash or hang a decoder.

The floor: a file's bytes are read and written once, 2 × size; everything else is decoding.
"""

import io
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from benchmarks import harness
from data.examples import example
from data.files import hashing
from data.images import quality
from data.sources import by_folder
from data.splits import folder
from pipeline.wiring import lean_imports

CHUNKS = 16
SMALL_FILES_GOAL, GOAL = 0.8, 1.5
SMALL_BYTES = 10_000  # in the mean, at the most
MEASURES = (  # in the order of quality.Quality
    *(example.BRIGHTNESS, example.CONTRAST, example.HIGHLIGHT),
    *(example.SHADOW, example.SHARPNESS, example.SATURATION),
)


def plain_record(root: str, file: folder.ImageFile) -> bytes:
    """Reads one good image, checks it with both decoders, measures it, makes its record."""
    content = Path(root, file.path).read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        channels = len(image.getbands())
        upright = ImageOps.exif_transpose(image).convert("RGB")
        source_format = (image.format or "").encode()
    pixels = tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    shown = np.asarray(upright)
    if (
        pixels.shape != shown.shape
        or np.abs(pixels[::8, ::8] - shown[::8, ::8].astype(int)).mean() > 4
    ):
        raise ValueError(f"{file.path} is decoded in two ways")
    upright.thumbnail((quality.THUMBNAIL_SIDE_PX, quality.THUMBNAIL_SIDE_PX))
    grey = upright.convert("L")
    features = {
        example.ENCODED: content,
        example.FORMAT: source_format,
        example.HEIGHT: pixels.shape[0],
        example.WIDTH: pixels.shape[1],
        example.CHANNELS: channels,
        example.CLASS_TEXT: file.class_name.encode(),
        example.CLASS_LABEL: 0,
        example.FILENAME: file.path.encode(),
        example.SHA256: hashing.sha256(content).encode(),
        example.PHASH: hashing.phash(grey).encode(),
        example.SIZE_BYTES: len(content),
        example.SOURCE_FORMAT: source_format,
        example.REENCODED: 0,
        example.SPAN: example.NO_SPAN,
        **dict(zip(MEASURES, quality.measure(np.asarray(grey), np.asarray(upright)), strict=True)),
    }
    made = {name: plain_feature(value) for name, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def plain_feature(value: bytes | int | float) -> tf.train.Feature:
    """Returns a feature of one value, as TensorFlow's tutorials make it."""
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


@dataclass(frozen=True)
class Cost:
    """What a repeat took: seconds by the clock, and of all its processes' time on processors."""

    wall_s: float
    processor_s: float


def plain_chunk(task: tuple[str, list[folder.ImageFile], str]) -> float:
    """Writes the records of some files, one after another; returns its seconds of processor."""
    root, files, target = task
    start_s = time.process_time()
    with tf.io.TFRecordWriter(target) as writer:
        for file in files:
            writer.write(plain_record(root, file))
    return time.process_time() - start_s


def plain_loop(root: Path, target: Path, processes: int) -> Cost:
    """Measures the reference; its processes are running and warm."""
    target.mkdir(parents=True)
    files = by_folder.scan(root).files
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        warm = [(str(root), list(files[:8]), str(target / f"warm-{i}")) for i in range(processes)]
        pool.map(plain_chunk, warm, chunksize=1)
        start = time.perf_counter()
        tasks = [
            (str(root), list(files[index::CHUNKS]), str(target / f"part-{index}"))
            for index in range(CHUNKS)
        ]
        processor_s = sum(pool.map(plain_chunk, tasks, chunksize=1))
        return Cost(time.perf_counter() - start, processor_s)


def ours(step: Callable[[], None]) -> Cost:
    """Measures the executor with everything that it does, as a run calls it.

    The start of the decoders is in it, that of the reference's processes is not.
    """
    start, processor_s = time.perf_counter(), _processor_s()
    step()
    return Cost(time.perf_counter() - start, _processor_s() - processor_s)


def _processor_s() -> float:
    """Returns the processor time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    """Runs both in turn and prints the medians."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=0, help="make so many out of them")
    arguments = parser.parse_args()
    processes = os.cpu_count() or 1
    with lean_imports.lean():  # as a run does, and not in the reference's processes
        from benchmarks import ingest_step
    with harness.workspace() as scratch:
        root = harness.data_dir(arguments.data_dir, scratch)
        if arguments.images:
            root = harness.multiplied(root, scratch / "multiplied", arguments.images)
        listing = by_folder.scan(root)
        count = len(listing.files)
        ours(ingest_step.prepare(root, scratch / "warm"))  # first traces
        plain, own = [], []
        for repeat in range(arguments.repeats):
            plain.append(plain_loop(root, scratch / f"plain-{repeat}", processes))
            own.append(ours(ingest_step.prepare(root, scratch / f"ours-{repeat}")))
            print(f"plain loop {plain[-1]}, ours {own[-1]}", file=sys.stderr)
    reference, mine = (
        count / statistics.median(cost.wall_s for cost in costs) for costs in (plain, own)
    )
    plain_us, own_us = (
        statistics.median(cost.processor_s for cost in costs) / count * 1e6
        for costs in (plain, own)
    )
    mean_bytes = listing.size_bytes / count
    harness.finish(
        "ingest keeps up with a plain multiprocessing loop",
        "images/s",
        reference,
        mine,
        mine / reference,
        SMALL_FILES_GOAL if mean_bytes <= SMALL_BYTES else GOAL,
        {
            "images": count,
            "mean_bytes": round(mean_bytes),
            "processes": processes,
            "plain_s": [round(cost.wall_s, 3) for cost in plain],
            "ours_s": [round(cost.wall_s, 3) for cost in own],
            "plain_processor_us_per_image": round(plain_us),
            "ours_processor_us_per_image": round(own_us),
            "ratio_of_processor_time": round(plain_us / own_us, 2),
        },
    )


if __name__ == "__main__":
    main()
