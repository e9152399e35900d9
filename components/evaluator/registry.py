"""The metrics that there are: what the modules of ``metrics/`` name, found by looking there."""

import functools
import importlib
import pkgutil
from collections import Counter

from components.evaluator import metric, metrics

ATTRIBUTE = "MEASUREMENT"


@functools.cache
def measurements() -> tuple[metric.Measurement, ...]:
    """Finds the measurements, in the order of pages.

    Raises:
      ValueError: two metrics have one name.
    """
    found = []
    for name in sorted(module.name for module in pkgutil.iter_modules(metrics.__path__)):
        module = importlib.import_module(f"{metrics.__name__}.{name}")
        found.append((getattr(module, ATTRIBUTE).place, name, getattr(module, ATTRIBUTE)))
    ordered = tuple(measurement for _, _, measurement in sorted(found, key=lambda row: row[:2]))
    names = Counter(one.name for measurement in ordered for one in measurement.metrics)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"Several metrics have the name {', '.join(twice)}.")
    return ordered


@functools.cache
def every() -> tuple[metric.Metric, ...]:
    """All metrics, in the order of pages."""
    return tuple(one for measurement in measurements() for one in measurement.metrics)


def by_class() -> tuple[metric.Metric, ...]:
    """Those of which each class has a value."""
    return tuple(one for one in every() if one.by_class)


def of_whole() -> tuple[metric.Metric, ...]:
    """Those of which the whole has a value."""
    return tuple(one for one in every() if not one.by_class)
