"""One training for accuracy.py, with the modules of the checkout on PYTHONPATH.

    python benchmarks/accuracy_step.py SPLIT SCRATCH SIZE SEED

Prints a line of JSON: the test accuracy in 0–1.
"""

import json
import sys
from pathlib import Path

# This folder has modules with the names of packages of the checkout.
sys.path.remove(str(Path(__file__).resolve().parent))

from benchmarks import training_set
from components.trainer.loop import phases
from data.examples import dataset


def main(arguments: list[str]) -> None:
    """Trains on split folders with the default settings."""
    root, scratch, size, seed = Path(arguments[0]), Path(arguments[1]), *map(int, arguments[2:])
    spec = training_set.write_records(root, scratch / "records", size)
    classifier, _ = phases.train(training_set.job(scratch, spec, seed))
    test = dataset.evaluation_batches(
        training_set.files(scratch, "test"), spec.counts["test"], size, 64, spec.annotation
    )
    score = training_set.evaluator(classifier).evaluate(test).score
    print(json.dumps({"accuracy": round(score, 6)}))


if __name__ == "__main__":
    main(sys.argv[1:])
