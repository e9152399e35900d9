"""The memory of a set with boxes as its images grow tenfold: ingest, Predict and figures must stay flat.

    python benchmarks/boxes_memory.py [--small 1000] [--large 10000] [--size PX]

Each size runs in a process of its own, whose peak resident memory the system tells after each part. Images are drawn, of
SIDE px with up to four rectangles in one COCO file. The model is a detector whose head has learnt nothing: it gives the most
boxes an image that there can be. Figures are those of Evaluator, added up image by image without Beam. Ratio: the
small set's peak over the large one's; the floor of 0.8 allows a growth by a quarter.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from benchmarks import harness

GOAL = 0.8
SIDE, CLASSES = 96, ("circle", "square", "star")
PARTS = ("ingest", "predict", "figures")


def draw(root: Path, count: int) -> Path:
    """Writes images of rectangles, and their boxes."""
    random = np.random.default_rng(0)
    root.mkdir(parents=True)
    images, boxes = [], []
    for number in range(count):
        pixels = np.full((SIDE, SIDE, 3), random.integers(0, 256, 3), np.uint8)
        for _ in range(random.integers(0, 5)):
            left, top, wide, high = (int(one) for one in random.integers(8, SIDE // 2, 4))
            pixels[top : top + high, left : left + wide] = random.integers(0, 256, 3)
            row = {"image_id": number, "category_id": int(random.integers(1, 4))}
            boxes.append({**row, "bbox": [left, top, wide, high]})
        name = f"{number:06d}.jpg"
        Image.fromarray(pixels).save(root / name, quality=90)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
    categories = [{"id": place + 1, "name": name} for place, name in enumerate(CLASSES)]
    whole = {"images": images, "annotations": boxes, "categories": categories}
    (root / "boxes.json").write_text(json.dumps(whole))
    return root


def save_model(target: Path, size: int) -> None:
    """Exports a detector whose head is new."""
    from components.preprocess import materialise
    from components.trainer import config, served_model
    from components.trainer.network import model

    counts = {"train": 1, "eval": 1, "test": 1}
    spec = materialise.Spec(size, "stretch", sorted(CLASSES), counts, task="detection")
    settings = config.TrainConfig()
    served_model.save(model.build(settings, spec), spec, settings.backbone, target, target.parent)


def run_here(root: Path, target: Path, model_dir: Path) -> None:
    """Runs the three parts in this process; prints the peak in MiB after each."""
    from benchmarks import ingest_step
    from components.predict import exported_model, shards
    from data.examples import examples_artifact
    from data.sources import by_boxes

    def tell() -> None:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)

    ingest_step.prepare(root, target, listing=by_boxes.scan(root), task="detection")()
    tell()
    asked, evaluated = exported_model.Model(model_dir), []
    for split in ("train", "eval", "test"):
        for number, path in enumerate(examples_artifact.shards(str(target / "examples"), split)):
            files = (str(target / f"{split}-{number}.{kind}") for kind in ("parquet", "records"))
            shard = shards.Shard(path, *files)
            shards.answer(shard, asked)
            evaluated.append(shard.evaluated)
    tell()
    measure(evaluated)
    tell()


def measure(paths: list[str]) -> Mapping[str, object]:
    """Adds the figures up over the evaluation records of shards."""
    import tensorflow as tf

    from components.evaluator import tallies
    from tasks import evaluate_config, task

    figures = task.load("detection").figures
    tally = tallies.Tallies(figures.measurements, evaluate_config.EvaluateConfig())
    for path in paths:
        for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator():
            row = tf.train.Example.FromString(serialized).features.feature
            target, answer = (
                np.array(row[key].float_list.value, np.float32)
                for key in (figures.label_key, figures.prediction_key)
            )
            tally.add(figures.target(target), figures.answer(answer))
    return tally.values()


def main() -> None:
    """Measures both sizes and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=96, help="side of the model's square, in px")
    parser.add_argument("--one", type=Path, nargs=3, help="run one set in this process")
    arguments = parser.parse_args()
    if arguments.one:
        run_here(*arguments.one)
        return
    with harness.workspace() as scratch:
        save_model(scratch / "model", arguments.size)
        found = {}
        for count in (arguments.small, arguments.large):
            places = (draw(scratch / f"images-{count}", count), scratch / f"out-{count}")
            command = [sys.executable, __file__, "--one", *places, scratch / "model"]
            done = subprocess.run(
                list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True
            )
            found[count] = [float(value) for value in done.stdout.split()[-len(PARTS) :]]
            print(f"{count:,} images: {found[count]} MiB", file=sys.stderr, flush=True)
    small, large = found[arguments.small], found[arguments.large]
    harness.finish(
        "ingest, prediction and figures of boxes take no more memory for ten times the images",
        "MiB at the peak",
        small[-1],
        large[-1],
        small[-1] / large[-1],
        GOAL,
        {
            "images": list(found),
            "peak_mib_after": {
                part: [round(values[place]) for values in found.values()]
                for place, part in enumerate(PARTS)
            },
        },
    )


if __name__ == "__main__":
    main()
