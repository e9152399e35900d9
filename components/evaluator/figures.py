"""From what TFMA counted to figures with intervals. Dimension letter: K classes."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from components.evaluator import config as evaluate_config
from components.evaluator import intervals, metrics, result, slicing
from data import example


@dataclass(frozen=True)
class Measured:
    """What TFMA says of the whole test split or of a slice; NaN where undefined.

    Attributes:
      confusion: int [K, K + 1], of ``metrics.confusion_matrix``.
      count: images.
      top_k_accuracy: in 0–1.
      log_loss: in nats.
      auc: float [K], or empty where undefined for every class.
      pr_auc: likewise.
    """

    confusion: np.ndarray
    count: int
    top_k_accuracy: float
    log_loss: float
    auc: np.ndarray
    pr_auc: np.ndarray


def collect(
    labels: list[str],
    config: evaluate_config.EvaluateConfig,
    whole: Measured,
    parts: Iterable[tuple[str, int | str, Measured]],
) -> result.Result:
    """Makes the result.

    Args:
      labels: the label map.
      config: what the model was evaluated with.
      whole: of the test split.
      parts: (key, value, what was measured) of each slice, see ``slicing.Slicing.key``.
    """
    right = int(np.trace(whole.confusion[:, :-1]))
    hits = round(whole.top_k_accuracy * whole.count) if whole.count else 0
    return result.Result(
        labels=labels,
        confidence=config.confidence,
        example_count=whole.count,
        accuracy=metrics.accuracy(whole.confusion),
        accuracy_interval=intervals.wilson(right, whole.count, config.confidence),
        top_k=min(config.top_k, len(labels)),
        top_k_accuracy=_known(whole.top_k_accuracy),
        top_k_interval=intervals.wilson(hits, whole.count, config.confidence),
        log_loss=_known(whole.log_loss),
        averages=metrics.averages(whole.confusion, labels),
        per_class=_per_class(labels, config, whole),
        confusion=whole.confusion.tolist(),
        slices=_slices(labels, config, parts),
    )


def _per_class(
    labels: list[str], config: evaluate_config.EvaluateConfig, whole: Measured
) -> dict[str, result.ClassResult]:
    rows = metrics.per_class(whole.confusion, labels)
    of_f1 = intervals.f1(whole.confusion, config.confidence, config.bootstrap_samples)
    found = {}
    for class_id, (name, row) in enumerate(rows.items()):
        right = int(whole.confusion[class_id, class_id])
        called = int(whole.confusion[:, class_id].sum())
        found[name] = result.ClassResult(
            **asdict(row),
            precision_interval=intervals.wilson(right, called, config.confidence),
            recall_interval=intervals.wilson(right, row.support, config.confidence),
            f1_interval=of_f1[class_id],
            auc=_known(whole.auc[class_id]) if whole.auc.size else None,
            pr_auc=_known(whole.pr_auc[class_id]) if whole.pr_auc.size else None,
        )
    return found


def _slices(
    labels: list[str],
    config: evaluate_config.EvaluateConfig,
    parts: Iterable[tuple[str, int | str, Measured]],
) -> list[result.Slice]:
    asked = slicing.slicings(config.slices, config.size_bounds_px)
    places = {row.key: place for place, row in enumerate(asked)}
    known = [(places[key], value, measured) for key, value, measured in parts if key in places]
    found = []
    for place, value, measured in sorted(known, key=lambda part: part[:2]):
        feature, name = asked[place].feature, asked[place].name(value)
        if feature == example.SPAN and value == example.NO_SPAN:
            continue
        if feature == example.CLASS_LABEL:
            feature, name = example.CLASS_TEXT, labels[int(value)]
        right = int(np.trace(measured.confusion[:, :-1]))
        found.append(
            result.Slice(
                feature=feature,
                value=name,
                count=measured.count,
                accuracy=metrics.accuracy(measured.confusion),
                accuracy_interval=intervals.wilson(right, measured.count, config.confidence),
                top_k_accuracy=_known(measured.top_k_accuracy),
                log_loss=_known(measured.log_loss),
                auc=_mean(measured.auc),
            )
        )
    return found


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _mean(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else None
