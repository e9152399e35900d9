"""A run that is killed in any step is finished by the same command, with the same result.

    python benchmarks/kills.py [--data-dir DIR] [--random 5] [--no-boundaries]

One undisturbed run; then runs that get SIGKILL as soon as a step has ended, for each step, and at
``--random`` seeded moments inside ingest, preprocessing and training each. After them the same
command finishes, and records, weights, metrics, decision and the number of pushed versions are
compared with those of the undisturbed run. The ratio is 1 where all are equal, else 0.
"""

import math
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import harness
from data.examples import examples_artifact
from pipeline.outcome import summary
from pipeline.settings import nested

ROOT = Path(__file__).resolve().parent.parent
SEED = 7
PER_CLASS = 20
# As between Beam's engines: the last bits of a network's sums depend on its batches, and those are
# cut by the clock.
METRICS_APART = 1e-6
INSIDE = ("ImageFolderExampleGen", "Preprocess", "Trainer")
RECIPE = """
preprocess: {size_px: 32}
augment: {horizontal_flip: false, brightness_fraction: 0, contrast_fraction: 0}
train:
  batch_size: 16
  head_epochs: 3
  fine_tune_epochs: 3
  unfreeze_blocks: 3
  cache: {views: 2}
  checkpoint_interval_s: 0.3
gate: {ask_server: false}
infra: {enabled: false}
"""
FROM_SCRATCH = """
preprocess: {size_px: 32}
augment: {horizontal_flip: false, brightness_fraction: 0, contrast_fraction: 0}
train: {backbone: cnn, weights: random, scratch_epochs: 6, batch_size: 16, checkpoint_interval_s: 0.3}
gate: {ask_server: false}
report: {robustness_images: 20}
infra: {enabled: false}
"""


@dataclass
class Run:
    """A run as its terminal shows it.

    Attributes:
      code: the exit code; negative the signal that killed it.
      seconds: step → how long it took.
      shown: all lines.
    """

    code: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)


class Killer:
    """Kills a run as soon as a step has ended, or some time after it has begun.

    Args:
      step: its name.
      after_s: seconds after its begin; None: when it has ended.
    """

    def __init__(self, step: str, after_s: float | None = None) -> None:
        self.step, self.after_s = step, after_s

    def __call__(self, process: subprocess.Popen[str], step: str, ended: bool) -> None:
        """Called when a step begins and when it has ended."""
        if step != self.step or ended != (self.after_s is None):
            return
        time.sleep(self.after_s or 0)
        process.kill()


def execute(
    data: Path,
    output: Path,
    recipe: Path,
    disturb: Callable[[subprocess.Popen[str], str, bool], None] = lambda *_: None,
    flags: Sequence[str] = (),
) -> Run:
    """Runs the pipeline, and has it disturbed at the begin and the end of each step."""
    command = [sys.executable, str(ROOT / "pipeline" / "run_local.py"), "--data-dir", str(data)]
    command += ["--output-dir", str(output), "--config", str(recipe), *flags]
    run = Run()
    step, begun = "", 0.0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    ) as process:
        for line in process.stdout or ():
            run.shown.append(line.rstrip())
            if line.endswith(" …\n") and " " not in line.removesuffix(" …\n"):
                step, begun = line.split()[0], time.monotonic()
                disturb(process, step, False)
            elif step and re.match(r"  (failed after )?\d+\.\d s", line):
                run.seconds[step] = time.monotonic() - begun
                disturb(process, step, True)
                step = ""
    run.code = process.returncode
    return run


def result(output: Path) -> dict[str, Any]:
    """What a finished run came to, comparable between output folders."""
    import tensorflow as tf

    from components.trainer.network import keras_archive

    (path,) = output.rglob(keras_archive.FILE)  # of a killed step nothing is left
    found = summary.Summary.model_validate_json((output / "summary.json").read_text("utf-8"))
    examples = Path(str(found.quarantine_csv)).parent
    return {
        "records": {
            name: sorted(
                tf.data.TFRecordDataset(
                    examples_artifact.shards(str(examples), name)
                ).as_numpy_iterator()
            )
            for name in ("train", "eval", "test")
        },
        "weights": _weights(path),
        "metrics": found.metrics,
        "decision": (found.verdict, found.blessed),
        "versions": len(list((output / "serving").glob("*/[0-9]*"))),
    }


def _weights(path: Path) -> dict[str, bytes]:
    import h5py

    found: dict[str, bytes] = {}

    def keep(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = np.asarray(node).tobytes()

    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as file,
        h5py.File(file, "r") as stored,
    ):
        stored.visititems(keep)
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what two results do not have in common."""
    names = [name for name in one if name != "metrics" and one[name] != other[name]]
    apart = metrics_apart(one["metrics"], other["metrics"])
    if apart > METRICS_APART:
        names.append(f"metrics by {apart:.2g}")
    return names


def metrics_apart(one: Any | None, other: Any | None) -> float:
    """The largest difference of any metric; infinite where they are not of the same things."""
    values, others = (_figures(found) for found in (one, other))
    if values.keys() != others.keys():
        return math.inf
    return max((abs(value - others[name]) for name, value in values.items()), default=0.0)


def _figures(metrics: Any | None) -> dict[str, float]:
    """The figures by dotted name; one that is undefined is -1."""
    found = nested.flat(metrics.model_dump() if metrics else {})
    return {
        name: -1.0 if value is None else float(value)
        for name, value in found.items()
        if value != {}
    }


def _finish(data: Path, output: Path, recipe: Path) -> dict[str, Any]:
    run = execute(data, output, recipe)
    if run.code not in (0, 3):
        raise RuntimeError("\n".join(run.shown))
    return result(output)


def _plans(seconds: dict[str, float], count: int, boundaries: bool) -> dict[str, list[Killer]]:
    """Output folder → the kills of its runs."""
    generator = np.random.default_rng(SEED)
    plans = {
        step: [Killer(step, float(generator.uniform(0, seconds[step]))) for _ in range(count)]
        for step in INSIDE
    }
    return plans | ({"boundaries": [Killer(step) for step in seconds]} if boundaries else {})


def main() -> None:
    """Runs it and prints the result."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--random", type=int, default=5)
    parser.add_argument("--no-boundaries", action="store_true")
    arguments = parser.parse_args()
    kills, missed = 0, 0
    wrong: dict[str, list[str]] = {}
    apart: dict[str, float] = {}
    with harness.workspace() as scratch:
        from data.sources import digits

        data = arguments.data_dir or digits.export(scratch / "digits", PER_CLASS)
        recipe = scratch / "recipe.yaml"
        recipe.write_text(RECIPE)
        start = time.monotonic()
        undisturbed = execute(data, scratch / "whole", recipe)
        whole_s = time.monotonic() - start
        whole = result(scratch / "whole")
        plans = _plans(undisturbed.seconds, arguments.random, not arguments.no_boundaries)
        for name, killers in plans.items():
            output = scratch / name
            for killer in killers:
                killed = execute(data, output, recipe, killer).code == -9
                kills += killed
                missed += not killed
                place = f"{killer.step}, {killer.after_s or 'at its end'}"
                print(f"{'killed' if killed else 'missed'}: {place}", file=sys.stderr, flush=True)
            found = _finish(data, output, recipe)
            wrong[name] = differences(whole, found)
            apart[name] = metrics_apart(whole["metrics"], found["metrics"])
            print(f"{name}: differs in {wrong[name] or 'nothing'}", file=sys.stderr, flush=True)
    same = sum(not names for names in wrong.values())
    harness.finish(
        "a run killed in any step is finished by the same command, with the same result",
        "output folders with equal results",
        len(wrong),
        same,
        float(same == len(wrong)),
        1.0,
        {
            "kills": kills,
            "missed": missed,
            "undisturbed_s": round(whole_s, 1),
            "differ": wrong,
            "metrics_apart": apart,
        },
    )


if __name__ == "__main__":
    main()
