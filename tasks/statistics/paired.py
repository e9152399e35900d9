"""Statistics of two models on the same images: is the difference of their rates significant?

Everything follows from the four counts of a 2×2 table. Images that both models got right, or both
wrong, are no evidence of which is better; only the others are.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_FAR = 1e9
_STEP = 1.1
_STEPS = 73  # 1.1 ** 73 is about 1,000


@dataclass(frozen=True)
class Pairs:
    """The results of two models on the same images.

    Attributes:
      count: the number of images, at least 1.
      served_right: the number that the served model got right.
      lost: the number of these that the candidate gets wrong.
      gained: the number that the candidate gets right and the served model got wrong.
    """

    count: float
    served_right: float
    lost: float
    gained: float

    @classmethod
    def of(cls, served: np.ndarray, candidate: np.ndarray) -> "Pairs":
        """Counts from bool [N] of each model, true where it got image n right."""
        return cls(
            count=len(served),
            served_right=int(served.sum()),
            lost=int((served & ~candidate).sum()),
            gained=int((candidate & ~served).sum()),
        )

    @property
    def served_rate(self) -> float:
        """Returns the share that the served model got right, in 0–1."""
        return self.served_right / self.count

    @property
    def candidate_rate(self) -> float:
        """Returns the share that the candidate gets right, in 0–1."""
        return (self.served_right - self.lost + self.gained) / self.count

    @property
    def difference(self) -> float:
        """Returns the candidate's rate minus the served model's, in −1–1."""
        return (self.gained - self.lost) / self.count

    def times(self, factor: float) -> "Pairs":
        """Returns the same rates on ``factor`` times as many images."""
        return Pairs(
            self.count * factor,
            self.served_right * factor,
            self.lost * factor,
            self.gained * factor,
        )


def loss_p_value(pairs: Pairs) -> float:
    """Computes McNemar's exact test: the probability of such a loss for two equally good models.

    One-sided: P(X ≥ lost) for X ~ Binomial(lost + gained, ½), after McNemar (1947),
    doi:10.1007/BF02295996. Computed as the regularised incomplete beta function, which equals that
    sum for whole numbers and is also defined between them.
    """
    if pairs.lost <= 0:
        return 1.0
    from scipy import special  # takes a second to import, which command lines do without

    return float(special.betainc(pairs.lost, pairs.gained + 1, 0.5))


@functools.lru_cache(maxsize=65536)  # simulations repeat the same counts
def score_bounds(pairs: Pairs, confidence: float) -> tuple[float, float]:
    """Computes Tango's score interval of the difference of the two rates.

    It keeps its level for few images and for models that hardly differ, where the normal interval
    collapses. Tango (1998), Statistics in Medicine 17, 891–908.

    Args:
      pairs: the counts.
      confidence: the confidence level of each bound by itself.

    Returns:
      (lower, upper), in −1–1; the lower one is the candidate's worst case.
    """
    from scipy import stats

    z = float(stats.norm.ppf(confidence))
    lower = _lower_score_bound(pairs.count, pairs.lost, pairs.gained, z)
    return lower, -_lower_score_bound(pairs.count, pairs.gained, pairs.lost, z)


def _lower_score_bound(count: float, lost: float, gained: float, z: float) -> float:
    """Returns the difference below the observed one at which the score statistic is z."""

    def excess(difference: float) -> float:
        # The maximum-likelihood share of lost images where the rates differ by ``difference``.
        b = (2 * count - gained + lost) * difference - lost - gained
        c = -lost * difference * (1 - difference)
        share = (math.sqrt(max(0.0, b * b - 8 * count * c)) - b) / (4 * count)
        variance = count * (2 * share + difference * (1 - difference))
        distance = gained - lost - count * difference
        if variance <= 0:
            return math.copysign(_FAR, distance) if distance else -z
        return distance / math.sqrt(variance) - z

    from scipy import optimize

    observed = (gained - lost) / count
    return float(optimize.brentq(excess, -1, observed)) if observed > -1 else -1.0


def bootstrap_differences(pairs: Pairs, samples: int, seed: int = 0) -> np.ndarray:
    """Returns differences of the two rates on resampled images, float64 [samples].

    Of N images drawn with replacement, only the numbers of lost, gained and other ones matter, so
    these are drawn at once. Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    shares = np.array([pairs.lost, pairs.gained, pairs.count - pairs.lost - pairs.gained])
    drawn = np.random.default_rng(seed).multinomial(
        int(pairs.count), shares / pairs.count, size=samples
    )
    return (drawn[:, 1] - drawn[:, 0]) / pairs.count


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Returns Holm-adjusted p values: where nothing differs, any is ≤ α with probability ≤ α.

    Holm (1979), Scandinavian Journal of Statistics 6, 65–70.
    """
    order = np.argsort(p_values, kind="stable")
    raised = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    result = np.empty(len(p_values))
    result[order] = np.minimum(1, np.maximum.accumulate(raised))
    return [float(value) for value in result]


def images_needed(pairs: Pairs, decided: Callable[[Pairs], bool]) -> int | None:
    """Estimates how many images would decide if the models differ on them as on these.

    Args:
      pairs: the counts on the present images.
      decided: returns true where counts are enough.

    Returns:
      The number, rounded up to two digits; None where a thousand times as many are not enough.
    """
    for step in range(_STEPS):
        larger = pairs.times(_STEP**step)
        if decided(larger):
            digits = 10 ** max(0, math.floor(math.log10(larger.count)) - 1)
            return math.ceil(larger.count / digits) * digits
    return None
