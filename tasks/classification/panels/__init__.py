"""Panels of classification: sections of the report, the model card, words of summary.json."""

from pathlib import Path

from tasks.classification.panels import outcome
from tasks.pages import lazy_panels, parts


class _Panels(lazy_panels.LazyPanels):
    """See :class:`tasks.facets.showing.Panels`."""

    noun = parts.Noun("class", "classes")
    compared = parts.Compared("accuracy", "recall")
    settings = frozenset({"pictures_per_cell", "max_pictures"})
    templates = Path(__file__).parent
    Metrics = outcome.Metrics


PANELS = _Panels(__name__)
