"""The interface of a task's own checks of the images, which run beside those of every task."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pydantic

if TYPE_CHECKING:  # they import TensorFlow, which command lines do without
    from data.examples import catalog, ingest_report

# "quarantine" removes the images from the data set; "block" stops the run before training.
Severity = Literal["ignore", "warn", "quarantine", "block"]
SetSeverity = Literal["ignore", "warn", "block"]


@dataclass(frozen=True)
class Case:
    """Instance of a finding.

    Attributes:
      images: the indices of the image, or of the two images.
      detail: the measured value, in a few words.
    """

    images: tuple[int, ...]
    detail: str = ""


@dataclass(frozen=True)
class Found:
    """Finding of a check.

    Attributes:
      message: what is wrong, where, and what is allowed.
      cases: its instances, worst first; empty if it concerns the whole set.
      removable: the indices of the images to remove if the severity is "quarantine".
    """

    message: str
    cases: list[Case] = field(default_factory=list)
    removable: list[int] = field(default_factory=list)


class Checked(Protocol):
    """What a check reads, see ``components/image_validator/context.py``.

    Attributes:
      images: the catalog of the images.
      report: the report of ingest.
      labels: the label map.
      config: the severities and limits of all checks.
    """

    @property
    def images(self) -> "Sequence[catalog.Image]": ...  # noqa: D102

    @property
    def report(self) -> "ingest_report.Report": ...  # noqa: D102

    @property
    def labels(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def config(self) -> Any: ...  # noqa: D102


class NoSettings(pydantic.BaseModel):
    """The settings of a task without checks of its own."""


@dataclass(frozen=True)
class Checks:
    """The checks that only one task has; the facet ``CHECKS``.

    Attributes:
      functions: the checks; each reports findings.
      settings: a severity for each, by the function's name, and limits; they become settings of
        ``checks``. A severity is of the type Severity for a check of images, which can be removed,
        or SetSeverity for one of the whole set.
    """

    functions: tuple[Callable[[Any], Iterable[Found]], ...] = ()
    settings: type[pydantic.BaseModel] = NoSettings
