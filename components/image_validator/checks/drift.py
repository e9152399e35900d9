"""Checks of drift between the newest span and the one before it."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from components.image_validator import context as validate_context
from data import formats
from data.splits import drift

MAX_EMBEDDED = 256  # images of each span; the test's cost grows with the square
Found = validate_context.Found
Context = validate_context.Context


def label_drift(context: Context) -> Iterator[Found]:
    """Reports changed shares of classes: a significant Jensen–Shannon divergence over a limit."""
    if context.newest_spans is None:
        return
    newest, previous = (
        Counter(name for index in indices for name in context.images[index].labels)
        for indices in context.newest_spans
    )
    shift = drift.label_shift(newest, previous)
    config = context.config
    if shift.divergence > config.max_label_drift and shift.chance < config.drift_significance:
        yield Found(
            f"The classes of {_spans(context)} differ by a divergence of {shift.divergence:.3f}"
            f" bits; {config.max_label_drift:g} is allowed. The largest change is that of"
            f" {shift.name!r}: {shift.share:.0%}, before {shift.share_before:.0%}."
        )


def measure_drift(context: Context) -> Iterator[Found]:
    """Reports changed image statistics, by the Kolmogorov–Smirnov statistic of each."""
    if context.newest_spans is None:
        return
    config = context.config
    newest, previous = (
        [context.images[index].info for index in indices] for indices in context.newest_spans
    )
    for shift in drift.measure_shifts(newest, previous):
        # Bonferroni correction: each test gets its part of the chance of a false alarm.
        significant = shift.chance < config.drift_significance / len(drift.MEASURES)
        if shift.statistic > config.max_measure_drift and significant:
            yield Found(
                f"The {shift.name} of {_spans(context)} differs by a Kolmogorov–Smirnov statistic"
                f" of {shift.statistic:.2f}; {config.max_measure_drift:g} is allowed. Median"
                f" {shift.median:.3g}, before {shift.median_before:.3g}."
            )


def embedding_drift(context: Context) -> Iterator[Found]:
    """Reports changed embeddings by the served model, by the maximum mean discrepancy."""
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
            f"The embeddings of {_spans(context)} by the served model differ: squared maximum mean"
            f" discrepancy {discrepancy:.4f}, p-value {formats.percent(chance)}."
        )


def _spans(context: Context) -> str:
    newest, previous = context.newest_spans or ([], [])
    pair = (context.images[newest[0]].span, context.images[previous[0]].span)
    return f"span {pair[0]} and span {pair[1]}"
