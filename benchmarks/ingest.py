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
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from benchmarks import harness
from data.examples import example
from data.files import hashing
from data.images import decode, quality
from data.sources import by_folder
from data.splits import folder

CHUNKS = 16
GOAL = 0.8


def plain_record(root: str, file: folder.ImageFile) -> bytes:
    """Reads one good image, checks it with both decoders, measures it, makes its record."""
    content = Path(root, file.path).read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        channels = len(image.getbands())
        upright = ImageOps.exif_transpose(image).convert("RGB")
        source_format = image.format
    pixels = tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    shown = np.asarray(upright)
    if (
        pixels.shape != shown.shape
        or np.abs(pixels[::8, ::8] - shown[::8, ::8].astype(int)).mean() > 4
    ):
        raise ValueError(f"{file.path} is decoded in two ways")
    upright.thumbnail((quality.THUMBNAIL_SIDE_PX, quality.THUMBNAIL_SIDE_PX))
    grey = upright.convert("L")
    measures = quality.measure(np.asarray(grey), np.asarray(upright))
    info = decode.ImageInfo(
        format=source_format,
        height=pixels.shape[0],
        width=pixels.shape[1],
        channels=channels,
        source_format=source_format,
        reencoded=False,
        phash=hashing.phash(grey),
        quality=measures,
    )
    source = example.ImageSource(file.path, file.labels, (0,), hashing.sha256(content))
    return example.Encoder().encode(content, info, source)


def plain_chunk(task: tuple[str, list[folder.ImageFile], str]) -> None:
    """Writes the records of some files, one after another."""
    root, files, target = task
    with tf.io.TFRecordWriter(target) as writer:
        for file in files:
            writer.write(plain_record(root, file))


def plain_loop(root: Path, target: Path, processes: int) -> float:
    """Seconds that the reference takes; its processes are running and warm."""
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
        pool.map(plain_chunk, tasks, chunksize=1)
        return time.perf_counter() - start


def ours(root: Path, target: Path) -> float:
    """Seconds that the executor takes, with everything that it does, as a run calls it."""
    from benchmarks import ingest_step

    step = ingest_step.prepare(root, target)
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    """Runs both in turn and prints the medians."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=0, help="make so many out of them")
    arguments = parser.parse_args()
    processes = os.cpu_count() or 1
    with harness.workspace() as scratch:
        root = harness.data_dir(arguments.data_dir, scratch)
        if arguments.images:
            root = harness.multiplied(root, scratch / "multiplied", arguments.images)
        listing = by_folder.scan(root)
        count = len(listing.files)
        ours(root, scratch / "warm")  # imports, first traces
        plain, own = [], []
        for repeat in range(arguments.repeats):
            plain.append(plain_loop(root, scratch / f"plain-{repeat}", processes))
            own.append(ours(root, scratch / f"ours-{repeat}"))
            print(f"plain loop {plain[-1]:.2f} s, ours {own[-1]:.2f} s", file=sys.stderr)
    reference, mine = (count / statistics.median(times) for times in (plain, own))
    harness.finish(
        "ingest keeps up with a plain multiprocessing loop",
        "images/s",
        reference,
        mine,
        mine / reference,
        GOAL,
        {
            "images": count,
            "mean_bytes": round(listing.size_bytes / count),
            "processes": processes,
            "plain_s": [round(value, 3) for value in plain],
            "ours_s": [round(value, 3) for value in own],
        },
    )


if __name__ == "__main__":
    main()
