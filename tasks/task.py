"""The interface of a task: everything that depends on what a model learns, in the order of the data.

A task is a folder beside this file. Its ``__init__`` has a ``SUMMARY`` of a few words; its other
modules, the facets, have the same names in every task, and each offers one object of a protocol
below, under the module's name in capitals::

    tasks/<name>/
      target.py       TARGET       the annotation of an image: in records and in batches
      head.py         HEAD         from features to outputs; loss; what training watches
      calibration.py  CALIBRATION  what is fitted on held-out images after training
      signatures.py   SIGNATURES   outputs of the served model, and their description
      answers.py      ANSWERS      what Predictions keeps of an image's answer
      figures.py      FIGURES      metrics, each defined once, for TFMA, the gate and the report
      evidence.py     EVIDENCE     the gate's limits, and the comparison with the served model
      compare.py      COMPARE      how far two answers are apart, for parity and exports
      panels.py       PANELS       what the report, the model card and summary.json show

A facet that needs several files is a package of the same name. Facets are imported when they are
first used, so that a command line that only reads settings imports no TensorFlow. Nothing outside
this folder names a task: other code gets one from :func:`load` and asks its facets.

Dimension letters: B batch, N images, S side in pixels, F features, K classes.
"""

import functools
import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

import tasks

DEFAULT = "classification"


@dataclass(frozen=True)
class Task:
    """A task; its facets are imported when they are first used."""

    name: str

    @property
    def summary(self) -> str:
        """Returns in a few words what the model learns."""
        return str(importlib.import_module(f"{tasks.__name__}.{self.name}").SUMMARY)

    def _facet(self, module: str) -> Any:
        found = importlib.import_module(f"{tasks.__name__}.{self.name}.{module}")
        return getattr(found, module.upper())


@functools.cache
def names() -> tuple[str, ...]:
    """Returns the names of all tasks, sorted."""
    folders = (one.name for one in pkgutil.iter_modules(tasks.__path__) if one.ispkg)
    return tuple(sorted(name for name in folders if _has_summary(name)))


@functools.cache
def load(name: str) -> Task:
    """Returns a task by its name.

    Raises:
      KeyError: there is none of this name.
    """
    if name not in names():
        raise KeyError(f"no task {name!r}; there are {', '.join(names())}")
    return Task(name)


def _has_summary(name: str) -> bool:
    """Tells a task's folder from one of modules that several tasks share."""
    return hasattr(importlib.import_module(f"{tasks.__name__}.{name}"), "SUMMARY")
