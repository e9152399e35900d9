"""Checks of the newest span against the one before it."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from components.image_validator import context as validate_context
from data import catalog, drift

MAX_EMBEDDED = 256  # images of each span; the test's cost grows with the square
Found = validate_context.Found
Context = validate_context.Context

MEASURES: dict[str, Callable[[catalog.Image], float]] = {
    "brightness": lambda image: image.info.quality.brightness,
    "contrast": lambda image: image.info.quality.contrast,
    "sharpness": lambda image: image.info.quality.sharpness,
    "saturation": lambda image: image.info.quality.saturation,
    "aspect ratio": lambda image: image.info.width / image.info.height,
    "pixels": lambda image: image.info.width * image.info.height,
}


def label_drift(context: Context) -> Iterator[Found]:
    """Other shares of the classes, by Jensen–Shannon divergence, beyond what chance does."""
    if context.newest_spans is None:
        return
    newest, previous = (
        Counter(context.images[index].class_name for index in indices)
        for indices in context.newest_spans
    )
    names = sorted(newest | previous)
    counts = np.array([[part[name] for name in names] for part in (newest, previous)])
    divergence = drift.jensen_shannon(counts[0], counts[1])
    chance = stats.chi2_contingency(counts).pvalue if len(names) > 1 else 1.0
    config = context.config
    if divergence > config.max_label_drift and chance < config.drift_significance:
        shares = counts / counts.sum(axis=1, keepdims=True)
        most = int(np.abs(shares[0] - shares[1]).argmax())
        yield Found(
            f"The classes of {_spans(context)} differ by a divergence of {divergence:.3f} bits;"
            f" {config.max_label_drift:g} is allowed. Most of all {names[most]!r}:"
            f" {shares[0, most]:.0%}, before {shares[1, most]:.0%}."
        )


def measure_drift(context: Context) -> Iterator[Found]:
    """Images that look otherwise, by the Kolmogorov–Smirnov statistic of each measure."""
    if context.newest_spans is None:
        return
    config = context.config
    for name, measure in MEASURES.items():
        newest, previous = (
            [measure(context.images[index]) for index in indices]
            for indices in context.newest_spans
        )
        test = stats.ks_2samp(newest, previous)
        # Several measures are tested: each gets its part of the chance of a false alarm.
        significant = test.pvalue < config.drift_significance / len(MEASURES)
        if test.statistic > config.max_measure_drift and significant:
            yield Found(
                f"The {name} of {_spans(context)} differs by a statistic of"
                f" {test.statistic:.2f}; {config.max_measure_drift:g} is allowed. Median"
                f" {np.median(newest):.3g}, before {np.median(previous):.3g}."
            )


def embedding_drift(context: Context) -> Iterator[Found]:
    """Images that are others to the model in serving, by the maximum mean discrepancy."""
    if context.newest_spans is None or context.embed is None:
        return
    random = np.random.default_rng(0)
    parts = []
    for indices in context.newest_spans:
        size = min(len(indices), MAX_EMBEDDED)
        parts.append(context.embed(sorted(random.choice(indices, size, replace=False).tolist())))
    if min(len(part) for part in parts) < 2:
        return
    discrepancy, chance = drift.maximum_mean_discrepancy(parts[0], parts[1], random)
    if chance < context.config.drift_significance:
        yield Found(
            f"To the model in serving, the images of {_spans(context)} are others: squared"
            f" discrepancy {discrepancy:.4f}, by chance in {chance:.1%} of cases."
        )


def _spans(context: Context) -> str:
    newest, previous = context.newest_spans or ([], [])
    pair = (context.images[newest[0]].span, context.images[previous[0]].span)
    return f"span {pair[0]} and span {pair[1]}"
