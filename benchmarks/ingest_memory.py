"""The memory of ingest as the images grow tenfold: it must stay flat.

    python benchmarks/ingest_memory.py [--data-dir DIR] [--small 5000] [--large 50000]

Each size is ingested in a process of its own, whose peak resident memory the system tells. The
images are made out of the given ones. The decoders, bounded each by
ingest.limits.max_memory_bytes, see one image at a time and are not counted. Ratio: the small set's peak over the large one's; the floor
of 0.8 allows a growth by a quarter.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import harness

GOAL = 0.8


def ingest_here(root: Path, target: Path) -> None:
    """Ingests in this process and prints its peak in MiB and the seconds."""
    from benchmarks import ingest_step

    start = time.perf_counter()
    ingest_step.prepare(root, target)()
    seconds = time.perf_counter() - start
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seconds)


def measure(root: Path, target: Path) -> list[float]:
    """Runs an ingest in a new process; its peak in MiB and the seconds."""
    command = [sys.executable, __file__, "--one", root, target]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    return [float(value) for value in done.stdout.split()[-2:]]


def main() -> None:
    """Measures both sizes and prints the result."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--small", type=int, default=5_000)
    parser.add_argument("--large", type=int, default=50_000)
    parser.add_argument("--one", type=Path, nargs=2, help="ingest one folder in this process")
    arguments = parser.parse_args()
    if arguments.one:
        ingest_here(*arguments.one)
        return
    with harness.workspace() as scratch:
        source = harness.data_dir(arguments.data_dir, scratch)
        found = {}
        for count in (arguments.small, arguments.large):
            root = harness.multiplied(source, scratch / f"images-{count}", count)
            found[count] = measure(root, scratch / f"out-{count}")
            print(f"{count:,} images: peak {found[count][0]:,.0f} MiB", file=sys.stderr)
    small, large = found[arguments.small], found[arguments.large]
    harness.finish(
        "ingest takes no more memory for ten times the images",
        "MiB at the peak",
        small[0],
        large[0],
        small[0] / large[0],
        GOAL,
        {
            "images": list(found),
            "peak_mib": [round(values[0]) for values in found.values()],
            "seconds": [round(values[1], 1) for values in found.values()],
        },
    )


if __name__ == "__main__":
    main()
