"""Distances between two samples. Dimension letters: N, M samples, D features, K classes."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from data.images import decode

PERMUTATIONS = 499
MEASURES: dict[str, Callable[[decode.ImageInfo], float]] = {
    "brightness": lambda info: info.quality.brightness,
    "contrast": lambda info: info.quality.contrast,
    "sharpness": lambda info: info.quality.sharpness,
    "saturation": lambda info: info.quality.saturation,
    "aspect ratio": lambda info: info.width / info.height,
    "pixels": lambda info: info.width * info.height,
}


class LabelShift(NamedTuple):
    """The distance between the class shares of two samples.

    Attributes:
      divergence: the Jensen–Shannon divergence, in bits.
      chance: the probability of a difference this large by chance (χ² test).
      name: the class that changed most.
      share, share_before: of that class, in 0–1.
    """

    divergence: float
    chance: float
    name: str
    share: float
    share_before: float


class MeasureShift(NamedTuple):
    """The distance between two samples in one image statistic.

    Attributes:
      name: one of MEASURES.
      statistic: the Kolmogorov–Smirnov statistic, in 0–1.
      chance: the probability of a statistic this large by chance.
      median, median_before: of the image statistic.
    """

    name: str
    statistic: float
    chance: float
    median: float
    median_before: float


def label_shift(newest: Counter[str], previous: Counter[str]) -> LabelShift:
    """Compares the classes of two samples, neither empty.

    Args:
      newest: class name → number of images.
      previous: class name → number of images.
    """
    names = sorted(newest | previous)
    counts = np.array([[part[name] for name in names] for part in (newest, previous)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    most = int(np.abs(shares[0] - shares[1]).argmax())
    return LabelShift(
        divergence=jensen_shannon(counts[0], counts[1]),
        chance=float(stats.chi2_contingency(counts).pvalue) if len(names) > 1 else 1.0,
        name=names[most],
        share=float(shares[0, most]),
        share_before=float(shares[1, most]),
    )


def measure_shifts(
    newest: Sequence[decode.ImageInfo], previous: Sequence[decode.ImageInfo]
) -> Iterator[MeasureShift]:
    """Compares every image statistic of MEASURES in two samples, neither empty."""
    for name, measure in MEASURES.items():
        values, before = ([measure(info) for info in part] for part in (newest, previous))
        test = stats.ks_2samp(values, before)
        yield MeasureShift(
            name,
            float(test.statistic),
            float(test.pvalue),
            float(np.median(values)),
            float(np.median(before)),
        )


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """Computes the Jensen–Shannon divergence of two histograms.

    Source: J. Lin, "Divergence Measures Based on the Shannon Entropy", 1991.

    Args:
      one: counts, [K], with a positive sum.
      other: counts, [K], with a positive sum.

    Returns:
      In bits, 0 for equal shares to 1 for disjoint ones.
    """
    p, q = one / one.sum(), other / other.sum()
    middle = (p + q) / 2
    return float((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def maximum_mean_discrepancy(
    one: np.ndarray, other: np.ndarray, random: np.random.Generator
) -> tuple[float, float]:
    """Computes the squared maximum mean discrepancy of two samples, with a permutation test.

    Source: A. Gretton et al., "A Kernel Two-Sample Test", 2012; the unbiased estimate with a
    Gaussian kernel of the median distance.

    Args:
      one: float [N, D], N ≥ 2.
      other: float [M, D], M ≥ 2.
      random: the generator of the permutations.

    Returns:
      The estimate, which is about 0 for samples of one distribution, and the probability of an
      estimate this large by chance.
    """
    rows = np.concatenate([one, other]).astype(np.float64)
    squares = np.square(rows).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0)
    median = np.median(distances[np.triu_indices(len(rows), 1)])
    kernel = np.exp(-distances / (median or 1.0))
    np.fill_diagonal(kernel, 0)
    n, m = len(one), len(other)

    def estimate(order: np.ndarray) -> float:
        first = np.zeros(n + m)
        first[order[:n]] = 1
        second = 1 - first
        within = first @ kernel @ first / (n * (n - 1)) + second @ kernel @ second / (m * (m - 1))
        return float(within - 2 * (first @ kernel @ second) / (n * m))

    found = estimate(np.arange(n + m))
    by_chance = sum(estimate(random.permutation(n + m)) >= found for _ in range(PERMUTATIONS))
    return found, (by_chance + 1) / (PERMUTATIONS + 1)


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    present = p > 0
    return float((p[present] * np.log2(p[present] / q[present])).sum())
