"""The release gate's errors, by simulation: how often does it refuse a model that is as good?

    python benchmarks/release_gate.py [--pairs N] [--seed N]

Two models of equal quality answer the same test images: on a share of them, the discordance, just
one of the two is right, and which one is a coin's toss. The gate's own judgement is called on the
counts. The reference is the nominal rate, 1 − confidence, for all comparisons of a pair of models
together; ours is the worst rate of all settings, with margins of 0 among them, where nothing but
the test stands between noise and a refusal. Met is the goal where even the upper 99 % confidence
bound (Clopper & Pearson) of that worst rate is at or under the nominal one.

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

from benchmarks import harness
from components.release_gate import config
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


def show(row: dict[str, Any]) -> None:
    """Prints a row while the others are still simulated."""
    print("  ".join(f"{name}: {value}" for name, value in row.items()), file=sys.stderr, flush=True)


def main() -> None:
    """Simulates and prints the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5000, help="of models, for every setting")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    equal = equal_models(arguments.pairs, arguments.seed)
    worse = worse_models(arguments.pairs, arguments.seed)
    worst = max(row["refuse"] for row in equal)
    refused = stats.binomtest(round(worst * arguments.pairs), arguments.pairs)
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
            "pairs": arguments.pairs,
            "upper_99_bound": round(bound, 4),
            "worst_by_setting": {
                name: max(row["refuse"] for row in equal if row["setting"] == name)
                for name in SETTINGS
            },
            "equal": equal,
            "worse": worse,
        },
    )


if __name__ == "__main__":
    main()
