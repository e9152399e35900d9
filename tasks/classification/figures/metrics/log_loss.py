"""Log loss: the mean of −ln of the true class's probability."""

from collections.abc import Mapping

import numpy as np

from tasks import metric

# Smaller probabilities are raised to this, as in Keras, so that one image costs 16.1 at most.
LEAST = 1e-7


class LogLoss:
    """Accumulates the mean of −ln p; p is the true class's share of all classes' probabilities.

    An image without a prediction costs as much as a guess, ln K. An image of a class that the
    model does not know costs the maximum.
    """

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, label_ids: np.ndarray, probabilities: np.ndarray) -> None:
        """See ``metric.Tally``."""
        scores = np.nan_to_num(probabilities.astype(np.float64)).clip(LEAST, 1 - LEAST)
        classes = scores.shape[1]
        inside = np.minimum(label_ids, classes - 1)[:, None]
        of_truth = np.take_along_axis(scores, inside, 1)[:, 0]
        of_truth = np.where(label_ids < classes, of_truth, LEAST)
        self._sum += float((np.log(scores.sum(1)) - np.log(of_truth)).sum())
        self._count += len(label_ids)

    def merge(self, other: "LogLoss") -> None:
        """See ``metric.Tally``."""
        self._sum += other._sum
        self._count += other._count

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        return {"log_loss": self._sum / self._count if self._count else float("nan")}


MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "log_loss",
            "log loss",
            "mean of −ln of the true class's probability, in nats",
            form=metric.Form.NUMBER,
            most=None,
            higher_is_better=False,
        ),
    ),
    tally=lambda _: LogLoss(),
    place=2,
)
