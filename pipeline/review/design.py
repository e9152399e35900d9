"""What to label next: the images after which the head would be surest about all the others.

The head is linear in the embedding, so how unsure it is about an image depends on which images are
labelled and not on their labels. Greedily, the next image is the one whose label lowers the variance of
the answers most, summed over all unlabelled images: transductive experimental design, Yu, Bi and Tresp,
ICML 2006. Images count by how uncertain the answer about them is, as with the Fisher information of a
softmax in BAIT, Ash et al., 2021, https://arxiv.org/abs/2106.09675. So an image is worth more if it is
like many others, unlike those that are labelled, and its answer uncertain. Uncertainty alone, or distance
alone, chooses odd images: with few labels both do worse than chance.

Dimension letters: U unlabelled images, N labelled ones, D embedding, K classes.
"""

import numpy as np

from pipeline.review import out_of_sample

# Of more unlabelled images a seeded sample is looked at: 100 MB, and a tenth of a second for each choice.
MOST_CANDIDATES = 20_000
# Variance of the noise of a label, in units of the mean squared distance from the mean embedding.
NOISE = 1.0


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """Returns float [U]: the sum of p (1 − p) over the classes.

    With one label an image it is in 0–1, the probability that two draws from the answer differ (Gini).
    """
    values = probabilities.astype(np.float64)
    return (values * (1 - values)).sum(1)  # type: ignore[no-any-return]


def choose(
    embeddings: np.ndarray, probabilities: np.ndarray, known: np.ndarray, count: int, seed: int = 0
) -> np.ndarray:
    """Chooses images to label.

    Args:
      embeddings: float [U, D] of the unlabelled images.
      probabilities: float [U, K], the head's answers about them.
      known: float [N, D], embeddings of the labelled images.
      count: how many to choose.
      seed: of the sample, if there are more than MOST_CANDIDATES.

    Returns:
      int [min(count, U)], the first to label first.
    """
    candidates = np.arange(len(embeddings))
    if len(candidates) > max(MOST_CANDIDATES, count):
        drawn = np.random.default_rng(seed).choice(candidates, max(MOST_CANDIDATES, count), False)
        candidates = np.sort(drawn)
    rows, shown = out_of_sample.unit(embeddings[candidates]), out_of_sample.unit(known)
    mean = (rows.sum(0) + shown.sum(0)) / max(len(rows) + len(shown), 1)
    rows, shown = rows - mean, shown - mean
    scale = np.sqrt(max(float((rows**2).sum(1).mean()), 1e-12)) if len(rows) else 1.0
    doubts = uncertainty(probabilities[candidates])
    weights = np.sqrt(doubts / max(float(doubts.mean()), 1e-12)) if len(doubts) else doubts
    weighted = rows * (weights / scale).astype(np.float32)[:, None]
    return candidates[_greedy(weighted, shown / scale, min(count, len(candidates)))]


def _greedy(rows: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    """Returns int [count]: of rows [U, D], those that lower the summed variance of all most, in turn.

    The covariance of the answers about all rows, C = rows · A · rows', is never made: A is the covariance
    of the weights given what is known; what is kept is rows · A, and of each column of C its entry on the
    diagonal and its sum of squares.
    """
    gram = known.T.astype(np.float64) @ known / NOISE
    inverse = np.linalg.inv(gram + np.eye(rows.shape[1])).astype(np.float32)
    moved = rows @ inverse
    variances = (moved * rows).sum(1)
    squares = ((moved @ (rows.T @ rows)) * moved).sum(1)
    is_free = np.ones(len(rows), bool)
    chosen: list[int] = []
    for _ in range(count):
        gains = np.where(is_free, squares / (variances + NOISE), -np.inf)
        best = int(gains.argmax())
        chosen.append(best)
        is_free[best] = False
        column, total = moved @ rows[best], float(variances[best]) + NOISE
        # C − c c' / total, where c is the column of the chosen one.
        along = moved @ (rows.T @ column)
        squares += column * (column * float(column @ column) / total - 2 * along) / total
        moved -= np.outer(column, moved[best]) / total
        variances -= column**2 / total
    return np.array(chosen, np.int64)
