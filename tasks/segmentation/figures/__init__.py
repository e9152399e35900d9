"""The figures of segmentation: its metrics, each defined once, and the result of an evaluation.

Targets are the pixels of each class, int64 [N, K]; answers are the rows of numbers of :mod:`rows`.
Dimension letters: N images, K classes.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tasks import collecting, evaluate_config, registry
from tasks import result as results
from tasks.segmentation.figures import metrics, result
from tasks.statistics import counts, intervals

PIXELS = "mask/pixels"
CONFUSION = "mask/confusion"
WHOLE = ("mean_iou", "pixel_accuracy", "mean_dice", "frequency_weighted_iou")
OF_CLASS = ("iou", "dice")


class Figures(registry.Registry):
    """See ``judging.Figures``."""

    label_key = PIXELS
    prediction_key = CONFUSION
    has_confusion = False
    share_right = "mean_iou"
    survives_corruption: Literal["every", "unmoving", "none"] = "unmoving"
    settings: frozenset[str] = frozenset()

    def target(self, label: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.asarray(label, np.float64).reshape(-1)

    def answer(self, prediction: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.asarray(prediction, np.float64).reshape(-1)

    def collect(
        self,
        labels: list[str],
        config: evaluate_config.EvaluateConfig,
        whole: collecting.Measured,
        parts: Iterable[collecting.Part],
    ) -> result.Result:
        """See ``judging.Figures``; intervals are those of the bootstrap in the tally."""
        collector = collecting.Collector(self, _counted, labels, config)
        size = len(labels)
        found = collector.of_whole(whole)
        for name, (low, high) in zip(
            WHOLE, _rows(whole, "whole_intervals", len(WHOLE)), strict=True
        ):
            found[name] = results.Figure(found[name].value, _interval(low, high))
        per_class = collector.per_class(whole)
        for name in OF_CLASS:
            bounds = _rows(whole, f"{name}_intervals", size)
            for (low, high), one in zip(bounds, per_class.values(), strict=True):
                one.figures[name] = results.Figure(one.value(name), _interval(low, high))
        matrix = _values(whole, "confusion", size * (size + 1)).reshape(size, size + 1)
        pixels = _values(whole, "support_pixels", size)
        return result.Result(
            labels=labels,
            confidence=config.confidence,
            example_count=whole.count,
            figures=found,
            per_class=per_class,
            slices=collector.slices(parts),
            confusion=np.rint(matrix).astype(np.int64).tolist(),
            support_pixels=dict(zip(labels, np.rint(pixels).astype(int).tolist(), strict=True)),
        )


def _counted(measured: collecting.Measured) -> counts.Counts:
    images = _values(measured, "support_images", len(measured.confusion))
    support = np.rint(images).astype(np.int64)
    return counts.Counts(np.zeros_like(support), np.zeros_like(support), support)


def _values(measured: collecting.Measured, name: str, size: int) -> np.ndarray:
    found = np.asarray(measured.values[name], np.float64)
    return found if found.size == size else np.zeros(size)


def _rows(measured: collecting.Measured, name: str, size: int) -> np.ndarray:
    found = np.asarray(measured.values[name], np.float64)
    return found.reshape(size, 2) if found.size == 2 * size else np.full([size, 2], np.nan)


def _interval(low: float, high: float) -> intervals.Interval | None:
    return intervals.Interval(float(low), float(high)) if np.isfinite([low, high]).all() else None


FIGURES = Figures(metrics)
