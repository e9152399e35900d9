"""Ingest on each Beam engine with one and two workers, and its cost as the images grow.

    python benchmarks/clusters.py [--data-dir DIR] [--images N] [--curve N N …] [--engines NAME …]

The first table has the images a second of each engine, the start of its workers included, the
start of its job server not. The second has the in-memory engine on growing folders: the claim is
that an image costs the same in a large folder as in a small one. Everything runs on this machine,
where a cluster's engines can only be slower than a process pool: what is measured is their price.

The floor: a file's bytes are read and written once; everything else is decoding and the engine.
"""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Beam starts worker processes as `python`, which find the project by this.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)

from benchmarks import harness
from pipeline.beam import beam_config, job_server

GOAL = 0.8
ENGINES = ("local", "local-workers", "flink", "spark")


def seconds(root: Path, target: Path, engine: str, workers: int) -> float:
    """Wall time of the ingest step on an engine whose job server is running."""
    from benchmarks import ingest_step

    target.mkdir(parents=True)
    beam = beam_config.BeamConfig(engine=engine, workers=workers)
    with contextlib.closing(job_server.JobServer(beam, target / "job_server.log")) as server:
        step = ingest_step.prepare(root, target, server.arguments)
        start = time.perf_counter()
        step()
        took = time.perf_counter() - start
    shutil.rmtree(target)
    return took


def scaling(root: Path, scratch: Path, images: int, engines: list[str]) -> dict[str, float]:
    """Engine and workers → images/s."""
    rates = {}
    for engine in engines:
        for workers in (1, 2) if engine != "local" else (0,):
            problems = beam_config.BeamConfig(engine=engine).problems()
            if problems:
                print(f"{engine} is left out: {' '.join(problems)}", file=sys.stderr)
                break
            name = f"{engine}, {workers} workers" if workers else f"{engine}, in memory"
            took = seconds(root, scratch / "scaling", engine, workers)
            rates[name] = round(images / took, 1)
            print(f"{name:28} {took:8.1f} s {rates[name]:9.1f} images/s", file=sys.stderr)
    return rates


def curve(source: Path, scratch: Path, sizes: list[int]) -> dict[int, float]:
    """Images → seconds in memory."""
    found = {}
    for size in sorted(sizes):
        root = harness.multiplied(source, scratch / f"images-{size}", size)
        found[size] = round(seconds(root, scratch / "curve", "local", 0), 2)
        shutil.rmtree(root)
        rate = size / found[size]
        print(f"{size:9,} images {found[size]:8.1f} s {rate:9.1f} images/s", file=sys.stderr)
    return found


def main() -> None:
    """Prints both tables and the claim."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--images", type=int, default=4_000, help="for the table of engines")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--curve", type=int, nargs="+", default=[1_000, 5_000, 20_000, 50_000])
    arguments = parser.parse_args()
    with harness.workspace() as scratch:
        source = harness.data_dir(arguments.data_dir, scratch)
        root = harness.multiplied(source, scratch / "multiplied", arguments.images)
        seconds(root, scratch / "warm", "local", 0)  # imports, first traces
        rates = scaling(root, scratch, arguments.images, arguments.engines)
        shutil.rmtree(root)
        costs = curve(source, scratch, arguments.curve)
    small, large = min(costs), max(costs)
    reference, mine = small / costs[small], large / costs[large]
    harness.finish(
        f"an image costs the same among {large:,} as among {small:,}",
        "images/s",
        reference,
        mine,
        mine / reference,
        GOAL,
        {"images": arguments.images, "images_per_s": rates, "seconds_by_images": costs},
    )


if __name__ == "__main__":
    main()
