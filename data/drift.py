"""How far two samples are apart. Dimension letters: N, M samples, D features, K classes."""

import numpy as np

PERMUTATIONS = 499


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """The Jensen–Shannon divergence of two histograms.

    Source: J. Lin, "Divergence Measures Based on the Shannon Entropy", 1991.

    Args:
      one: counts, [K], with a positive sum.
      other: likewise.

    Returns:
      In bits, 0 for equal shares to 1 for disjoint ones.
    """
    p, q = one / one.sum(), other / other.sum()
    middle = (p + q) / 2
    return float((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def maximum_mean_discrepancy(
    one: np.ndarray, other: np.ndarray, random: np.random.Generator
) -> tuple[float, float]:
    """The squared maximum mean discrepancy of two samples, with a permutation test.

    Source: A. Gretton et al., "A Kernel Two-Sample Test", 2012; the unbiased estimate with a
    Gaussian kernel of the median distance.

    Args:
      one: float [N, D], N ≥ 2.
      other: float [M, D], M ≥ 2.
      random: of the permutations.

    Returns:
      The estimate, which is about 0 for samples of one distribution, and the probability of one
      as large by chance.
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
