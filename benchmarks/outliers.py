"""The outlier score against others, on another data set as out-of-distribution images.

    python benchmarks/outliers.py --other-data-dir DIR [--data-dir DIR] [--size 160] [--seeds 2]

Per seed: a split, a training with the default settings, and then the scores of the test split
against those of all images of the other data set. AUROC is the chance that such an image scores
higher than a test image. FPR95 is the share of those images below the score that 95 % of the test
split stay below. Both look at the score alone; the last two columns are what a user gets: the
shares of test images kept and of the others flagged at the threshold that was fitted on the eval
split.

The reference is the top probability, Hendrycks & Gimpel, 2017, https://arxiv.org/abs/1610.02136.
Others: energy, Liu et al., 2020, https://arxiv.org/abs/2010.03759; the k-th nearest neighbour
among training embeddings of length 1, Sun et al., 2022, https://arxiv.org/abs/2204.06507.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from scipy import special
from sklearn import metrics

from benchmarks import harness, training_set
from components.preprocess import materialise
from components.trainer import config
from components.trainer.calibration import outliers, outputs
from components.trainer.loop import phases
from data.examples import dataset
from tasks import task

COVERAGE = config.TrainConfig().outlier_coverage
KEPT = 2000
GOAL = 1.0
OURS, REFERENCE = "cosine to class mean", "top probability"

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def candidates(train: Rows) -> dict[str, Score]:
    """Scores of embeddings [N, F] and logits [N, K] → float [N], higher for what is foreign."""
    embeddings, _, label_ids = train
    presence = label_ids[:, None] == np.arange(label_ids.max() + 1)
    means = outliers.directions([(embeddings, presence)], presence.shape[1], embeddings.shape[1])
    bank = unit(np.random.default_rng(0).permutation(embeddings)[:KEPT])

    def neighbour(k: int) -> Score:
        return lambda rows, _: np.partition(1 - unit(rows) @ bank.T, k - 1, axis=1)[:, k - 1]

    return {
        REFERENCE: lambda _, logits: -special.softmax(logits, 1).max(1),
        "energy": lambda _, logits: -special.logsumexp(logits, 1),
        OURS: lambda rows, _: outliers.scores(rows, means).numpy(),
        **{f"neighbour {k} of {KEPT:,}": neighbour(k) for k in (1, 5, 10)},
    }


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def run(
    classifier: keras.Model, scratch: Path, spec: materialise.Spec, splits: tuple[str, ...]
) -> Rows:
    """Embeddings, logits and label_ids of splits in ``scratch / "records"``."""
    backbone = training_set.CONFIG.backbone
    running = outputs.Outputs(
        classifier, task.load(spec.task).head, backbone, sum(spec.counts.values())
    )
    parts = []
    for split_name in splits:
        files = training_set.files(scratch, split_name)
        count = spec.counts[split_name]
        batches = dataset.evaluation_batches(files, count, spec.size_px, 64, spec.annotation)
        parts += list(running.of(batches))
    embeddings, logits, label_ids = (np.concatenate(part) for part in zip(*parts, strict=True))
    return embeddings, logits, label_ids


def measure(score: Score, held_out: Rows, test: Rows, foreign: Rows) -> list[float]:
    """AUROC, FPR95, and the shares kept and flagged at the fitted threshold."""
    eval_scores, inside, outside = (score(rows[0], rows[1]) for rows in (held_out, test, foreign))
    is_foreign = np.repeat([0, 1], [len(inside), len(outside)])
    limit = outliers.threshold(eval_scores, COVERAGE)
    return [
        float(metrics.roc_auc_score(is_foreign, np.concatenate([inside, outside]))),
        float(np.mean(outside <= np.quantile(inside, 0.95))),
        float(np.mean(inside <= limit)),
        float(np.mean(outside > limit)),
    ]


def main() -> None:
    """Runs every seed and prints the means."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--other-data-dir", type=Path, required=True, help="other class folders")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    found: dict[str, list[list[float]]] = {}
    with harness.workspace() as scratch:
        roots = {
            "own": harness.data_dir(arguments.data_dir, scratch),
            "foreign": arguments.other_data_dir,
        }
        for seed in range(arguments.seeds):
            keras.backend.clear_session()
            specs = {}
            for name, root in roots.items():
                training_set.split(root, scratch / f"{name}-split", seed)
                records = scratch / name / "records"
                specs[name] = training_set.write_records(
                    scratch / f"{name}-split", records, arguments.size
                )
            own = scratch / "own"
            classifier, _ = phases.train(training_set.job(own, specs["own"], seed))
            train, held_out, test = (
                run(classifier, own, specs["own"], (name,)) for name in training_set.SPLITS
            )
            foreign = run(classifier, scratch / "foreign", specs["foreign"], training_set.SPLITS)
            for name, score in candidates(train).items():
                found.setdefault(name, []).append(measure(score, held_out, test, foreign))
    report({name: np.mean(rows, axis=0) for name, rows in found.items()})


def report(means: dict[str, np.ndarray]) -> None:
    """Prints the table and the claim."""
    print("score                   AUROC  FPR95   kept  flagged")
    for name, (auroc, fpr, kept, flagged) in means.items():
        print(f"{name:<22} {auroc:6.3f} {fpr:6.3f} {kept:6.3f}  {flagged:6.3f}")
    reference, ours = float(means[REFERENCE][0]), float(means[OURS][0])
    harness.finish(
        "outlier score: AUROC against another data set",
        "AUROC",
        reference,
        ours,
        ours / reference,
        GOAL,
        {name: [round(float(value), 3) for value in values] for name, values in means.items()},
    )


if __name__ == "__main__":
    main()
