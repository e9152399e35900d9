"""The interface of a task: everything that depends on what a model learns, in the order of the data.

A task is a folder beside this file. Its ``__init__`` has a ``SUMMARY`` of a few words and says how
many LABELS_PER_IMAGE there are, ``one`` or ``any``. Its other modules, the facets, have the same
names in every task; each offers one object of a protocol of package ``facets``, under the module's
name in capitals::

    tasks/<name>/
      target.py       TARGET       the annotation of an image: in records and in batches
      checks.py       CHECKS       checks of the images that only this task has
      head.py         HEAD         from features to outputs; loss; what training watches
      calibration.py  CALIBRATION  what is fitted on held-out images after training
      signatures.py   SIGNATURES   outputs of the served model, and their description;
                      OWN_SIGNATURES, if there are any, that only this task has
      answers.py      ANSWERS      what Predictions keeps of an image's answer
      figures.py      FIGURES      metrics, each defined once, for TFMA, the gate and the report
      evidence.py     EVIDENCE     the gate's limits, and the comparison with the served model
      compare.py      COMPARE      how far two answers are apart, for parity and exports
      panels.py       PANELS       what the report, the model card and summary.json show;
                      ANNOTATION_DRAWING, where annotations are more than labels

A facet that needs several files is a package of the same name. Facets are imported when they are
first used, so that a command line that only reads settings imports no TensorFlow. Nothing outside
this folder names a task: other code gets one from :func:`load` and asks its facets.

Dimension letters: B batch, N images, S side in pixels, F features, K classes.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tasks
from data.sources import label_source
from tasks import checking, phase_settings
from tasks.facets import judging
from tasks.facets.serving import OwnSignature, Signatures
from tasks.facets.showing import AnnotationDrawing, Panels
from tasks.facets.training import Calibration, Head, LabelsPerImage, Target

DEFAULT = "classification"


@dataclass(frozen=True)
class Task:
    """A task; its facets are imported when they are first used."""

    name: str

    @property
    def summary(self) -> str:
        """Returns in a few words what the model learns."""
        return str(importlib.import_module(f"{tasks.__name__}.{self.name}").SUMMARY)

    @property
    def annotates(self) -> label_source.Annotates:
        """Returns what is annotated: images as a whole, objects in them, or each pixel."""
        package = importlib.import_module(f"{tasks.__name__}.{self.name}")
        return getattr(package, "ANNOTATES", "images")  # type: ignore[no-any-return]

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Returns the settings that have other defaults: "section.name" → value."""
        package = importlib.import_module(f"{tasks.__name__}.{self.name}")
        return getattr(package, "DEFAULTS", {})  # type: ignore[no-any-return]

    @property
    def is_tuned(self) -> bool:
        """Returns whether the tuner can search its settings."""
        package = importlib.import_module(f"{tasks.__name__}.{self.name}")
        return bool(getattr(package, "IS_TUNED", True))

    @property
    def augments(self) -> bool:
        """Returns whether train images are augmented."""
        package = importlib.import_module(f"{tasks.__name__}.{self.name}")
        return bool(getattr(package, "AUGMENTS", True))

    @property
    def trains_in_phases(self) -> bool:
        """Returns whether a network is trained; else its weights stay as they are."""
        return self.train_settings >= phase_settings.ALL

    @property
    def checks(self) -> checking.Checks:
        """Returns the checks of the images that only this task has."""
        return self._facet("checks")  # type: ignore[no-any-return]

    @property
    def labels_per_image(self) -> LabelsPerImage:
        """Returns how many labels an image may have."""
        return importlib.import_module(f"{tasks.__name__}.{self.name}").LABELS_PER_IMAGE  # type: ignore[no-any-return]

    @property
    def needs_labels(self) -> bool:
        """Returns whether it learns nothing from images alone; a label map may else be empty."""
        package = importlib.import_module(f"{tasks.__name__}.{self.name}")
        return bool(getattr(package, "NEEDS_LABELS", True))

    @property
    def label_rule(self) -> label_source.LabelRule:
        """Returns what a source must know: what has labels, how many, and what allows several."""
        others = [other for other in map(load, names()) if other.annotates == "images"]
        allowing = [other.name for other in others if other.labels_per_image == "any"]
        flags = " or ".join(f"--task {name}" for name in allowing)
        advice = f"{flags} allows several." if flags and self.labels_per_image == "one" else ""
        needed = self.needs_labels
        return label_source.LabelRule(self.labels_per_image, advice, self.annotates, needed)

    @property
    def train_settings(self) -> frozenset[str]:
        """Returns the settings of ``train`` that only some tasks use, and this one does."""
        return importlib.import_module(f"{tasks.__name__}.{self.name}").TRAIN_SETTINGS  # type: ignore[no-any-return]

    @property
    def target(self) -> Target:
        """Returns the annotation of an image: in records and in batches."""
        return self._facet("target")  # type: ignore[no-any-return]

    @property
    def head(self) -> Head:
        """Returns the way from features to outputs, and what training watches."""
        return self._facet("head")  # type: ignore[no-any-return]

    @property
    def calibration(self) -> Calibration:
        """Returns what is fitted on held-out images after training."""
        return self._facet("calibration")  # type: ignore[no-any-return]

    @property
    def signatures(self) -> Signatures:
        """Returns the outputs of the served model, and their description."""
        return self._facet("signatures")  # type: ignore[no-any-return]

    @property
    def own_signatures(self) -> Mapping[str, OwnSignature]:
        """Returns the signatures that only this task's models have, by name."""
        module = importlib.import_module(f"{tasks.__name__}.{self.name}.signatures")
        return getattr(module, "OWN_SIGNATURES", {})  # type: ignore[no-any-return]

    @property
    def panels(self) -> Panels:
        """Returns what the pages, the card and summary.json show."""
        return self._facet("panels")

    @property
    def annotation_drawing(self) -> AnnotationDrawing | None:
        """Returns how an annotation is drawn into its image; None where images have labels alone."""
        module = importlib.import_module(f"{tasks.__name__}.{self.name}.panels")
        return getattr(module, "ANNOTATION_DRAWING", None)

    @property
    def answers(self) -> judging.Answers:
        """Returns what Predictions keeps of an image's answer."""
        return self._facet("answers")

    @property
    def figures(self) -> judging.Figures:
        """Returns the metrics."""
        return self._facet("figures")

    @property
    def evidence(self) -> judging.Evidence:
        """Returns the checks of quality for the release gate."""
        return self._facet("evidence")

    @property
    def compare(self) -> judging.Compare:
        """Returns how far two answers are apart."""
        return self._facet("compare")

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
