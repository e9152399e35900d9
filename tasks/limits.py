"""Limits: the metrics that a model must reach by itself, overall and on every class.

Dimension letters: N images, K classes.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from data import formats
from tasks import evaluate_config, evidence_config, gate_check, metric, registry
from tasks.statistics import averages

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.predictions import answered

SMALL_CLASSES = "small_classes"


def check_name(one: metric.Metric) -> str:
    """Returns the name of the check of a metric's limit."""
    return f"{one.name}_{'floor' if one.higher_is_better else 'ceiling'}"


def check(
    metrics: registry.Registry,
    candidate: "answered.Answered",
    config: evidence_config.EvidenceConfig,
    evaluate: evaluate_config.EvaluateConfig,
) -> list[gate_check.Check]:
    """Compares a model's metrics on the test images with their limits.

    The limits apply to point estimates, without allowance for chance.

    Args:
      metrics: the task's.
      candidate: the candidate's answers, with the labels of the data, which annotations number.
      config: the limits.
      evaluate: the metrics' settings.
    """
    labels, images = candidate.labels, len(candidate.paths)
    limits = {
        one: limit for one in metrics.every if (limit := config.limit(one, len(labels))) is not None
    }
    if not images:
        return [_nothing(one) for one in limits if not one.by_class][:1]
    asked = evaluate.for_classes(len(labels))
    values = _measured(metrics, candidate, limits, asked)
    support = candidate.support
    checks = [
        _overall(one, values[one.name], limit, images, asked.top_k)
        for one, limit in limits.items()
        if not one.by_class
    ]
    of_classes = {one: limit for one, limit in limits.items() if one.by_class}
    if not of_classes:
        return checks
    small = {}
    for class_id, name in enumerate(labels):
        if support[class_id] < config.min_support:
            small[name] = int(support[class_id])
            continue
        for one, limit in of_classes.items():
            value = float(values[one.name][class_id])
            checks.append(_of_class(one, name, value, limit, int(support[class_id])))
    return [*checks, *_small_classes(small, config)]


def _measured(
    metrics: registry.Registry,
    candidate: "answered.Answered",
    wanted: Collection[metric.Metric],
    evaluate: evaluate_config.EvaluateConfig,
) -> Mapping[str, Any]:
    """Computes the wanted metrics by name, and those of the same tallies."""
    values: dict[str, metric.Value] = {}
    for measurement in metrics.measurements:
        if any(one in wanted for one in measurement.metrics):
            tally = measurement.tally(evaluate)
            tally.add(candidate.targets, candidate.answers)
            values |= tally.values()
    return values


def _nothing(one: metric.Metric) -> gate_check.Check:
    return gate_check.Check(
        check_name(one),
        "refuse",
        "There are no test images, so the model cannot be evaluated.",
        {"rate": None, "images": 0},
    )


def _overall(
    one: metric.Metric, value: float, limit: float, images: int, top_k: int
) -> gate_check.Check:
    title = formats.heading(one.titled(top_k))
    known = averages.known(value)
    found = f"{title} is {'undefined' if known is None else _shown(one, known)} on"
    message = f"{found} {images:,} test images; {_needed(one, limit)}."
    return _judged(one, message, known, limit, {"images": images})


def _of_class(
    one: metric.Metric, name: str, value: float, limit: float, support: int
) -> gate_check.Check:
    known = averages.known(value)
    images = f"{support:,} test images"
    if known is None:
        why = one.undefined.format(images=images)
        found = f"{formats.heading(one.title)} of {name!r} is undefined: {why}"
    else:
        found = f"{formats.heading(one.title)} of {name!r} is {_shown(one, known)} on {images}"
    figures = {gate_check.CLASS: name, "images": support}
    return _judged(one, f"{found}; {_needed(one, limit)}.", known, limit, figures)


def _judged(
    one: metric.Metric,
    message: str,
    value: float | None,
    limit: float,
    figures: Mapping[str, Any],
) -> gate_check.Check:
    good = value is not None and one.meets(value, limit)
    return gate_check.Check(
        check_name(one),
        "release" if good else "refuse",
        message,
        {**figures, "rate": value, "limit": limit},
    )


def _needed(one: metric.Metric, limit: float) -> str:
    if one.higher_is_better:
        return f"at least {_shown(one, limit)} is needed"
    return f"at most {_shown(one, limit)} is allowed"


def _shown(one: metric.Metric, value: float) -> str:
    return formats.percent(value) if one.is_rate else f"{value:.3f}"


def _small_classes(
    small: dict[str, int], config: evidence_config.EvidenceConfig
) -> list[gate_check.Check]:
    if not small:
        return []
    named = ", ".join(f"{name!r} ({support})" for name, support in small.items())
    return [
        gate_check.Check(
            SMALL_CLASSES,
            "release",
            f"Not checked against the limits of a class, since they have fewer than"
            f" {config.min_support} test images: {named}.",
            {"support": small},
        )
    ]
