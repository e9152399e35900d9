"""Panels of a search: sections of the report, the model card, words of summary.json."""

from pathlib import Path

from tasks.pages import lazy_panels, parts
from tasks.similarity.panels import outcome


class _Panels(lazy_panels.LazyPanels):
    """See :class:`tasks.facets.showing.Panels`."""

    noun = parts.Noun("class", "classes")
    compared = parts.Compared("recall@1", "recall@1")
    settings: frozenset[str] = frozenset()
    templates = Path(__file__).parent
    Metrics = outcome.Metrics


PANELS = _Panels(__name__)
