"""Confidence intervals of rates and of F1. Dimension letters: K classes, R resamples.

They bound the figure's true value, the one on all images of the same kind.
"""

from typing import NamedTuple

import numpy as np

from tasks.statistics import counts

# Resamples × classes held at a time: 3 × 8 bytes each.
_AT_ONCE = 1_000_000


class Interval(NamedTuple):
    """From low to high, both included."""

    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float) -> Interval | None:
    """Computes the Wilson score interval of a rate.

    Unlike the normal approximation it stays within 0–1 and has a width at 0 and 1.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 1927.

    Args:
      successes: at most ``trials``.
      trials: the number of independent trials.
      confidence: in 0–1, exclusive.

    Returns:
      The interval in 0–1; None without trials.
    """
    if not trials:
        return None
    from scipy import stats  # takes a second to import, and command lines only list the metrics

    # Only the interval is wanted; with the rate itself as the hypothesis scipy searches for no
    # p-value, which would take ten times as long.
    test = stats.binomtest(successes, trials, successes / trials)
    found = test.proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def wilsons(successes: np.ndarray, trials: np.ndarray, confidence: float) -> list[Interval | None]:
    """Computes the Wilson score interval of each of K rates, see :func:`wilson`; int64 [K] both."""
    pairs = zip(successes.tolist(), trials.tolist(), strict=True)
    return [wilson(*pair, confidence) for pair in pairs]


def f1(
    counted: counts.Counts, confidence: float, samples: int = 2000, seed: int = 0
) -> list[Interval | None]:
    """Computes the percentile bootstrap interval of each class's F1.

    Images are drawn with replacement, which redraws the cells of the confusion matrix from a
    multinomial. The F1 of a class, 2·TP / (2·TP + FP + FN), depends on two sums of cells, so
    (TP, FP + FN, the rest) is drawn from a trinomial: the same distribution with K·R numbers
    instead of K²·R. Source: B. Efron, "Bootstrap methods", Annals of Statistics 1979.

    Where TP or FP + FN is 0, every resample gives the same F1 and the bootstrap interval would
    have no width. There the Wilson interval of the rate TP / (TP + FP + FN) is mapped to F1,
    which grows with that rate.

    Args:
      counted: the images.
      confidence: in 0–1, exclusive.
      samples: R.
      seed: the random seed of the resampling.

    Returns:
      K intervals in 0–1; None for a class without examples, whose F1 is undefined.
    """
    true_positives, support = counted.true_positives, counted.support
    errors = counted.called + support - 2 * true_positives
    drawn = np.flatnonzero((true_positives > 0) & (errors > 0))
    low, high = _bootstrap(
        true_positives[drawn], errors[drawn], counted.total, confidence, samples, seed
    )
    found: list[Interval | None] = []
    for class_id, (hits, misses) in enumerate(zip(true_positives, errors, strict=True)):
        place = np.searchsorted(drawn, class_id)
        if not support[class_id]:
            found.append(None)
        elif hits and misses:
            found.append(Interval(float(low[place]), float(high[place])))
        else:
            rate = wilson(int(hits), int(hits + misses), confidence)
            found.append(rate and Interval(*(2 * end / (1 + end) for end in rate)))
    return found


def _bootstrap(
    hits: np.ndarray, errors: np.ndarray, total: int, confidence: float, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns lower and upper ends, each float64 [K], for classes with both hits and errors."""
    generator = np.random.default_rng(seed)
    ends = np.empty([2, len(hits)])
    step = max(1, _AT_ONCE // samples)
    for start in range(0, len(hits), step):
        part = slice(start, start + step)
        counts = np.stack([hits[part], errors[part], total - hits[part] - errors[part]], 1)
        draws = generator.multinomial(total, counts / total, size=(samples, len(counts)))
        doubled = 2 * draws[..., 0]
        with np.errstate(invalid="ignore"):
            scores = doubled / (doubled + draws[..., 1])
        tail = (1 - confidence) / 2
        # A resample without the class has no F1.
        ends[:, part] = np.nanquantile(scores, [tail, 1 - tail], axis=0)
    return ends[0], ends[1]


def mean(
    values: np.ndarray, confidence: float, samples: int = 2000, seed: int = 0
) -> Interval | None:
    """Computes the percentile bootstrap interval of a mean. Source: as of :func:`f1`.

    Args:
      values: float [N], of independent images.
      confidence: in 0–1, exclusive.
      samples: R.
      seed: the random seed of the resampling.

    Returns:
      The interval; None without values.
    """
    count = len(values)
    if not count:
        return None
    generator = np.random.default_rng(seed)
    # Equal values are drawn together: how often each is drawn is multinomial.
    distinct, counts_of = np.unique(values, return_counts=True)
    step = max(1, _AT_ONCE // len(distinct))
    means = [
        generator.multinomial(count, counts_of / count, size=min(step, samples - start))
        @ distinct
        / count
        for start in range(0, samples, step)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Interval(float(low), float(high))


def median(values: np.ndarray, confidence: float) -> Interval | None:
    """Computes the interval of a median between two of the sorted values, whatever their distribution.

    How many of N values lie below the true median is Binomial(N, ½). Source: W. J. Conover, "Practical
    Nonparametric Statistics", 1999, section 3.2.

    Args:
      values: float [N]; infinite ones sort last.
      confidence: in 0–1, exclusive; the interval holds with at least this probability.

    Returns:
      The interval; None where there are too few values for it.
    """
    if not len(values):
        return None
    from scipy import stats

    # The largest number of values below the lower end that leaves half of the error on each side.
    below = int(stats.binom.ppf((1 - confidence) / 2, len(values), 0.5))
    if stats.binom.cdf(below, len(values), 0.5) > (1 - confidence) / 2:
        below -= 1
    if below < 0:
        return None
    ordered = np.sort(values)
    return Interval(float(ordered[below]), float(ordered[len(values) - 1 - below]))
