"""Panels of multilabel: sections of the report, the model card, words of summary.json."""

from pathlib import Path

from tasks.multilabel.panels import outcome
from tasks.pages import lazy_panels, parts


class _Panels(lazy_panels.LazyPanels):
    """See :class:`tasks.facets.showing.Panels`."""

    noun = parts.Noun("label", "labels")
    compared = parts.Compared("subset accuracy", "share of right answers")
    settings: frozenset[str] = frozenset()
    templates = Path(__file__).parent
    Metrics = outcome.Metrics

    def mean_score(self, metrics: outcome.Metrics) -> None:
        """Returns None: the answers have no ``score``."""
        return None


PANELS = _Panels(__name__)
