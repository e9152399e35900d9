"""Registry of the metrics that the modules in ``metrics/`` define."""

import functools
import importlib
import pkgutil
from collections import Counter

from tasks import metric
from tasks.classification.figures import metrics


@functools.cache
def measurements() -> tuple[metric.Measurement, ...]:
    """Returns the measurements in the order of the pages.

    Raises:
      ValueError: two metrics have one name.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(metrics.__path__))
    found = [importlib.import_module(f"{metrics.__name__}.{name}").MEASUREMENT for name in names]
    ordered = tuple(sorted(found, key=lambda measurement: measurement.place))
    counts = Counter(one.name for measurement in ordered for one in measurement.metrics)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"Several metrics have the name {', '.join(twice)}.")
    return ordered


@functools.cache
def every() -> tuple[metric.Metric, ...]:
    """Returns all metrics in the order of the pages."""
    return tuple(one for measurement in measurements() for one in measurement.metrics)


def by_class() -> tuple[metric.Metric, ...]:
    """Returns the metrics that have a value for each class."""
    return tuple(one for one in every() if one.by_class)


def of_whole() -> tuple[metric.Metric, ...]:
    """Returns the metrics that have one value for the whole split."""
    return tuple(one for one in every() if not one.by_class)
