"""The parts that a task contributes to the report, to the model card and to the terminal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from data import formats


@dataclass(frozen=True)
class Noun:
    """The word for what the K outputs of a model stand for."""

    one: str
    many: str


@dataclass(frozen=True)
class Compared:
    """The figures by which a model is compared with the served one: of all images, of each class."""

    whole: str
    by_class: str


@dataclass(frozen=True)
class Tile:
    """A headline figure: its title, its value as text, and a note under it."""

    title: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
      id: the id of the section's element, which the list of contents links to.
      title: the title in the list of contents.
      template: the file that draws it, in the task's folder or in the report's.
      content: what the template reads as ``panel``, beside ``report``.
    """

    id: str
    title: str
    template: str
    content: Any = None


@dataclass(frozen=True)
class Card:
    """What the model card says about a task.

    Attributes:
      use: the sentences on the intended use.
      template: the file with the tables of figures, which reads ``panel`` and ``report``.
      content: what the template reads as ``panel``.
      caveats: sentences that follow from the figures.
    """

    use: str
    template: str
    content: Any
    caveats: Sequence[str]


@dataclass(frozen=True)
class Column:
    """A metric as it is shown: its name, its title, and whether it is a rate in 0–1."""

    name: str
    title: str
    is_rate: bool


@dataclass(frozen=True)
class Table:
    """A table for the terminal: the heads of its columns, and rows of as many texts."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    @classmethod
    def of_rates(
        cls,
        noun: str,
        rates: Mapping[str, str],
        per_class: Mapping[str, Mapping[str, float | None]],
        support: tuple[str, str] = ("support", "test images"),
    ) -> "Table":
        """Makes a table of the rates of each class and the number of what they are about.

        Args:
          noun: what a row is about, such as "class".
          rates: key of a rate → head of its column.
          per_class: class → its rates in 0–1, None where undefined, and its support.
          support: key of the support → head of its column.
        """
        return cls(
            (noun, *rates.values(), support[1]),
            [
                (
                    name,
                    *(formats.percent(row[rate], undefined="undefined") for rate in rates),
                    f"{row[support[0]]:,.0f}",
                )
                for name, row in per_class.items()
            ],
        )


@dataclass(frozen=True)
class Headline:
    """The one figure that represents a run in lists and trends: a rate in 0–1, None if undefined."""

    title: str
    value: float | None


class Limits(Protocol):
    """How many images a report shows, see ``components/report/config.py``."""

    @property
    def pictures_per_cell(self) -> int: ...  # noqa: D102

    @property
    def max_pictures(self) -> int: ...  # noqa: D102

    @property
    def listed(self) -> int: ...  # noqa: D102


class Crop(NamedTuple):
    """A part of a test image that is shown on its own.

    Attributes:
      corners: ymin, xmin, ymax, xmax in pixels of the upright image.
      size: height and width of that.
    """

    corners: tuple[float, float, float, float]
    size: tuple[int, int]


class Chosen(Protocol):
    """The test images that a task's sections show."""

    def paths(self) -> Collection[str]:
        """Returns all of them, by image/filename."""

    def explained(self, path: str) -> Collection[str]:
        """Returns the classes of which an image needs heat maps; none: the most probable one."""

    def crops(self, path: str) -> Sequence[Crop]:
        """Returns the parts of an image that are shown on their own."""


class WholeImages:
    """The part of a choice that shows images as a whole."""

    def crops(self, path: str) -> Sequence[Crop]:
        """Returns none."""
        return ()


class Report(Protocol):
    """The results of a run that a task's sections read, see ``components/report/content.py``.

    Attributes:
      result: the task's figures on the test split.
      candidate: the model's answers on the test split, with the labels of the data.
      contract: the model's contract.
      robustness: the results under mild corruptions; empty where not measured.
      chosen: what the task has chosen of the test images.
      overlaid: the paths of the images that have a heat map.
    """

    @property
    def result(self) -> Any: ...  # noqa: D102

    @property
    def candidate(self) -> Any: ...  # noqa: D102

    @property
    def contract(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def robustness(self) -> Sequence[Any]: ...  # noqa: D102

    @property
    def chosen(self) -> Any: ...  # noqa: D102

    @property
    def overlaid(self) -> Collection[str]: ...  # noqa: D102
