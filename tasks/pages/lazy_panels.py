"""The panels of a task as modules of one package, each imported when it is first needed.

A command line reads the settings of every task: what draws, such as charts, is only imported when
a report is made.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from tasks.pages import parts


class LazyPanels:
    """See :class:`tasks.facets.showing.Panels`; a task adds the attributes.

    Args:
      package: the name of a package with the modules ``chosen``, ``sections``, ``card`` and
        ``outcome``, whose functions have the names of the methods here.
    """

    noun: parts.Noun

    def __init__(self, package: str) -> None:
        self._package = package

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{self._package}.{name}")

    def choose(self, answers: Any, limits: parts.Limits) -> parts.Chosen:
        """See ``showing.Panels``."""
        return self._module("chosen").choose(answers, limits)

    def tiles(self, report: parts.Report) -> list[parts.Tile]:
        """See ``showing.Panels``."""
        return self._module("sections").tiles(report)

    def overview(self, report: parts.Report) -> list[parts.Section]:
        """See ``showing.Panels``."""
        return self._module("sections").overview(report)

    def details(self, report: parts.Report) -> list[parts.Section]:
        """See ``showing.Panels``."""
        return self._module("sections").details(report)

    def images(self, report: parts.Report) -> list[parts.Section]:
        """See ``showing.Panels``."""
        return self._module("sections").images(report)

    def card(self, report: parts.Report) -> parts.Card:
        """See ``showing.Panels``."""
        return self._module("card").make(report, self.noun)

    def metrics(self, result: Any, answers: Any | None) -> Any:
        """See ``showing.Panels``."""
        return self._module("outcome").metrics(result, answers)

    def headline(self, metrics: Any | None) -> parts.Headline:
        """See ``showing.Panels``."""
        return self._module("outcome").headline(metrics)

    def mean_score(self, metrics: Any) -> float | None:
        """See ``showing.Panels``."""
        return metrics.mean_score  # type: ignore[no-any-return]

    def table(self, metrics: Any) -> parts.Table:
        """See ``showing.Panels``."""
        return self._module("outcome").table(metrics)

    def sentence(self, metrics: Any, tested: int) -> str:
        """See ``showing.Panels``."""
        return self._module("outcome").sentence(metrics, tested)

    def facts(self, metrics: Any) -> Sequence[tuple[str, float | None]]:
        """See ``showing.Panels``."""
        return self._module("outcome").facts(metrics)
