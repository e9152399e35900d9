"""The metrics of a task, found among the modules of a package."""

import importlib
import pkgutil
from collections import Counter
from functools import cached_property
from types import ModuleType

from tasks import metric


class Registry:
    """The metrics that the modules of a package define; no other code has to name them.

    Args:
      package: its modules each have a ``MEASUREMENT``.
    """

    def __init__(self, package: ModuleType) -> None:
        self.package = package

    @cached_property
    def measurements(self) -> tuple[metric.Measurement, ...]:
        """Returns the measurements in the order of the pages.

        Raises:
          ValueError: two metrics have one name.
        """
        names = sorted(module.name for module in pkgutil.iter_modules(self.package.__path__))
        found = [
            importlib.import_module(f"{self.package.__name__}.{name}").MEASUREMENT for name in names
        ]
        ordered = tuple(sorted(found, key=lambda measurement: measurement.place))
        counts = Counter(name for measurement in ordered for name in measurement.names)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"Several metrics have the name {', '.join(twice)}.")
        return ordered

    @cached_property
    def every(self) -> tuple[metric.Metric, ...]:
        """Returns all metrics in the order of the pages."""
        return tuple(one for measurement in self.measurements for one in measurement.metrics)

    @property
    def by_class(self) -> tuple[metric.Metric, ...]:
        """Returns the metrics that have a value for each class."""
        return tuple(one for one in self.every if one.by_class)

    @property
    def of_whole(self) -> tuple[metric.Metric, ...]:
        """Returns the metrics that have one value for the whole split."""
        return tuple(one for one in self.every if not one.by_class)
