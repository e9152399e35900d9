"""The interface of what people and programs are shown of a run.

Dimension letter: K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pydantic

from tasks.pages import parts


class AnnotationDrawing(Protocol):
    """How the annotation of an image is shown where it is more than labels of the whole image."""

    def colours(self, labels: Sequence[str]) -> list[str]:
        """Returns the colour of each of K classes, as CSS has it: #rrggbb."""

    def drawn(self, picture: np.ndarray, target: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Draws an annotation into its image.

        Args:
          picture: uint8 [H, W, 3], upright, of any size.
          target: that of the image, as ``Target.of(K, S, "stretch")`` parses it; see ``Target`` of the
            task for its shape.
          labels: the K classes.

        Returns:
          uint8 [H, W, 3], a new array.
        """


class Panels(Protocol):
    """What the report, the model card, summary.json, the terminal and the lists of runs show.

    The report's page has the sections of :meth:`overview`, then how the model compares with the
    served one and its parity, :meth:`details`, robustness and slices, :meth:`images`, and last the
    training, the data, the architecture and the lineage.

    Attributes:
      noun: the word for what the K outputs stand for.
      compared: the figures by which a model is compared with the served one.
      settings: the settings of ``report`` that only some tasks use, and this one does.
      templates: the folder of the task's templates.
      Metrics: the model of ``metrics`` in summary.json; every field has a description.
    """

    noun: parts.Noun
    compared: parts.Compared
    settings: frozenset[str]
    templates: Path
    Metrics: type[pydantic.BaseModel]

    def choose(self, answers: Any, limits: parts.Limits) -> parts.Chosen:
        """Selects the test images that the sections show, from the answers about the test split."""

    def tiles(self, report: parts.Report) -> list[parts.Tile]:
        """Returns the headline figures at the top of the page."""

    def overview(self, report: parts.Report) -> list[parts.Section]:
        """Returns the sections on the whole test split, which come first."""

    def details(self, report: parts.Report) -> list[parts.Section]:
        """Returns the sections on parts of the answers, such as classes, and on calibration."""

    def images(self, report: parts.Report) -> list[parts.Section]:
        """Returns the sections with images to review; none that would be empty."""

    def card(self, report: parts.Report) -> parts.Card:
        """Returns the model card's use, figures and caveats."""

    def metrics(self, result: Any, answers: Any | None) -> Any:
        """Returns the figures of the test split as a ``Metrics``.

        Args:
          result: the figures.
          answers: the answers about the test split; None where Predict did not run.
        """

    def headline(self, metrics: Any | None) -> parts.Headline:
        """Returns the figure that represents a run in lists of runs; None: a run without metrics."""

    def mean_score(self, metrics: Any) -> float | None:
        """Returns the mean of the served model's output ``score``; None where it has none."""

    def table(self, metrics: Any) -> parts.Table:
        """Returns the table for the terminal."""

    def sentence(self, metrics: Any, tested: int) -> str:
        """Returns the result in a sentence for the terminal; ``tested`` is the test images."""

    def facts(self, metrics: Any) -> Sequence[tuple[str, float | None]]:
        """Returns the figures by which two runs are compared, as (name, a rate in 0–1)."""
