"""The release gate's errors, by simulation: how often does it refuse a model that is as good?

    python benchmarks/release_gate.py [--pairs N] [--seed N] [--only labels|masks|boxes]

Two models of equal quality answer the same test images: on a share of them, the discordance, just
one of the two is right, and which one is a coin's toss. The gate's own judgement is called on the
counts. The reference is the nominal rate, 1 − confidence, for all comparisons of a pair of models
together; ours is the worst rate of all settings, with margins of 0 among them, where nothing but
the test stands between noise and a refusal. Met is the goal where even the upper 99 % confidence
bound (Clopper & Pearson) of that worst rate is at or under the nominal one.

Masks are simulated too: images with classes of unequal sizes, some images harder than others for both models, and
a share of each model's errors that all pixels of an image have in common; the gate's comparison of matrices is
called on a tenth of the pairs, since each takes thousands of resamples. Boxes are simulated on as many, see
benchmarks/simulated_boxes.py.

Printed besides: how often equal models are left undecided, how often a real loss is refused, and
how often a model that loses just what is allowed is released.
"""

import argparse
import collections
import itertools
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy import stats

from benchmarks import harness, simulated_boxes
from components.release_gate import config
from tasks import evidence_config, figure_loss
from tasks.segmentation import evidence
from tasks.statistics import comparison, paired

IMAGES = (60, 144, 1000)
CLASSES = (2, 6, 20)
DISCORDANCES = (0.02, 0.1, 0.3)
DEFAULT = config.GateConfig()
STRICT = {"max_accuracy_drop": 0.0, "max_recall_drop": 0.0}
SETTINGS = {
    "mcnemar": DEFAULT,
    "mcnemar, no margin": config.GateConfig(**STRICT),
    "bootstrap": config.GateConfig(method="bootstrap", bootstrap_samples=2000),
    "bootstrap, no margin": config.GateConfig(method="bootstrap", bootstrap_samples=2000, **STRICT),
}
MASK_IMAGES, MASK_CLASSES, MASK_SPREAD = (10, 40, 150), (2, 5), 0.08
PLACED_PAIRS_SHARE = 10  # of the pairs of models, one in so many has masks or boxes
DEFAULT_MASKS = evidence_config.EvidenceConfig(bootstrap_samples=2000)
STRICT_MASKS = evidence_config.EvidenceConfig(
    bootstrap_samples=2000, max_mean_iou_drop=0.0, max_iou_drop=0.0
)
BOUND_CONFIDENCE = 0.99
VERDICTS = ("release", "inconclusive", "refuse")


def shares(
    images: int,
    lost: np.ndarray,
    gained: np.ndarray,
    settings: config.GateConfig,
    pairs: int,
    seed: int,
) -> dict[str, float]:
    """The share of each verdict on simulated pairs of models.

    Args:
      images: of all classes together, the same number of each.
      lost: the chance that the candidate loses an image, float [K].
      gained: the chance that it gains one, float [K].
      settings: of the gate.
      pairs: how many to simulate.
      seed: of the simulation.
    """
    each = images // len(lost)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(
        each, np.stack([lost, gained, 1 - lost - gained], axis=1), size=(pairs, len(lost))
    )
    found: collections.Counter[str] = collections.Counter()
    for table in drawn[:, :, :2].tolist():
        classes = [paired.Pairs(each, down, down, up) for down, up in table]
        down, up = (sum(column) for column in zip(*table, strict=True))
        overall = paired.Pairs(each * len(table), down, down, up)
        verdicts = [one.verdict for one in comparison.judge(overall, classes, settings)]
        found[max(verdicts, key=VERDICTS.index)] += 1
    return {verdict: found[verdict] / pairs for verdict in VERDICTS}


def equal_models(pairs: int, seed: int) -> list[dict[str, Any]]:
    """Two models of equal quality, in all settings."""
    rows = []
    for name, images, classes, discordance in itertools.product(
        SETTINGS, IMAGES, CLASSES, DISCORDANCES
    ):
        # Some classes are harder than others: from none of the discordance to twice the mean.
        half = np.linspace(0, discordance, classes)
        found = shares(images, half, half, SETTINGS[name], pairs, seed)
        rows.append(
            {
                "setting": name,
                "images": images,
                "classes": classes,
                "discordance": discordance,
                **found,
            }
        )
        show(rows[-1])
    return rows


def worse_models(pairs: int, seed: int) -> list[dict[str, Any]]:
    """A candidate that is truly worse, in six classes and with the default settings."""
    rows = []
    for images, noise in itertools.product((144, 600, 3000), (0.02, 0.1)):
        for what, one_class, everywhere in (
            ("one class loses 20 points", 0.2, 0.0),
            ("one class loses 40 points", 0.4, 0.0),
            ("all lose 5 points, as is allowed", 0.0, 0.05),
            ("all lose 10 points", 0.0, 0.1),
            ("all lose 20 points", 0.0, 0.2),
        ):
            gained = np.full(6, noise / 2)
            lost = gained + everywhere + one_class * np.eye(6)[0]
            found = shares(images, lost, gained, DEFAULT, pairs, seed)
            rows.append({"loss": what, "images": images, "discordance": noise, **found})
            show(rows[-1])
    return rows


def matrices(
    images: int, rates: np.ndarray, random: np.random.Generator, hardness: np.ndarray
) -> np.ndarray:
    """Draws a model's matrices of pixels, int64 [N, K, K + 1].

    Args:
      images: N.
      rates: the share of each class's pixels that it answers right, float [K].
      random: of all draws.
      hardness: of each image, for both models, float [N].
    """
    size = len(rates)
    shares = 0.5 ** np.arange(
        size
    )  # the second class has half of the pixels of the first, and so on
    support = random.multinomial(4096, shares / shares.sum(), size=images)
    own = random.normal(0, MASK_SPREAD, [images, 1])  # one for all pixels of an image
    right = random.binomial(support, np.clip(rates + hardness[:, None] + own, 0.01, 0.99))
    found = np.zeros([images, size, size + 1], np.int64)
    for number in range(size):
        found[:, number, number] = right[:, number]
        found[:, number, (number + 1) % size] += support[:, number] - right[:, number]
    return found


def masks(pairs: int, seed: int) -> list[dict[str, Any]]:
    """Pairs of models of masks: equal ones, and one that loses on the rarest class."""
    rows = []
    for images, classes, (what, loss) in itertools.product(
        MASK_IMAGES, MASK_CLASSES, (("none", 0.0), ("30 points of one class", 0.3))
    ):
        for margin in (False, True):
            config_of = STRICT_MASKS if not margin else DEFAULT_MASKS
            random = np.random.default_rng(seed)
            found: collections.Counter[str] = collections.Counter()
            for _ in range(pairs):
                hardness = random.normal(0, MASK_SPREAD, images)
                rates = np.full(classes, 0.75)
                served = matrices(images, rates, random, hardness)
                worse = rates - loss * np.eye(classes)[-1]
                candidate = matrices(images, worse, random, hardness)
                found[_of_masks(candidate, served, config_of)] += 1
            shares_of = {verdict: found[verdict] / pairs for verdict in VERDICTS}
            setting = "masks" if margin else "masks, no margin"
            rows.append({"setting": setting, "loss": what, "images": images, "classes": classes})
            rows[-1] |= shares_of
            show(rows[-1])
    return rows


def _of_masks(
    candidate: np.ndarray, served: np.ndarray, settings: evidence_config.EvidenceConfig
) -> str:
    """Returns the worst verdict of the gate's comparison of two models."""
    size = candidate.shape[1]
    whole, *classes = evidence.compare(candidate, served, range(size), settings)
    about = (len(candidate), 1 + size)
    judged = figure_loss.Judged(evidence.WHOLE, "Mean IoU", settings.max_mean_iou_drop, *about)
    verdicts = [figure_loss.of_whole(whole, judged, settings).verdict]
    for one in classes:
        judged = figure_loss.Judged(evidence.CLASS, "IoU", settings.max_iou_drop, *about)
        verdicts.append(figure_loss.of_class("class", one, judged, settings).verdict)
    return str(max(verdicts, key=VERDICTS.index))


def show(row: dict[str, Any]) -> None:
    """Prints a row while the others are still simulated."""
    print("  ".join(f"{name}: {value}" for name, value in row.items()), file=sys.stderr, flush=True)


def main() -> None:
    """Simulates and prints the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5000, help="of models, for every setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=("labels", "masks", "boxes"), help="of what; all by default"
    )
    arguments = parser.parse_args()
    equal, worse, pairs = [], [], arguments.pairs
    fewer = max(1, pairs // PLACED_PAIRS_SHARE)
    if arguments.only in (None, "labels"):
        equal = equal_models(pairs, arguments.seed)
        worse = worse_models(pairs, arguments.seed)
    else:
        pairs = fewer
    placed = masks(fewer, arguments.seed) if arguments.only in (None, "masks") else []
    if arguments.only in (None, "boxes"):
        placed += simulated_boxes.simulate(fewer, arguments.seed, show)
    worse += [row for row in placed if row["loss"] != "none"]
    equal += [row for row in placed if row["loss"] == "none"]
    counted = [row for row in equal if pairs == fewer or "discordance" in row]
    worst = max(row["refuse"] for row in counted)
    refused = stats.binomtest(round(worst * pairs), pairs)
    bound = float(refused.proportion_ci(2 * BOUND_CONFIDENCE - 1, method="exact").high)
    nominal = 1 - DEFAULT.confidence
    harness.finish(
        "false refusals of a model of equal quality, worst of all settings",
        "share of pairs of models",
        nominal,
        worst,
        nominal / bound,
        1.0,
        {
            "pairs": pairs,
            "upper_99_bound": round(bound, 4),
            "worst_by_setting": {
                name: max(row["refuse"] for row in equal if row["setting"] == name)
                for name in dict.fromkeys(row["setting"] for row in equal)
            },
            "equal": equal,
            "worse": worse,
        },
    )


if __name__ == "__main__":
    main()
