"""Panels of segmentation: sections of the report, the model card, words of summary.json."""

from pathlib import Path

from tasks.pages import lazy_panels, parts
from tasks.segmentation.panels import annotation, outcome


class _Panels(lazy_panels.LazyPanels):
    """See :class:`tasks.facets.showing.Panels`."""

    noun = parts.Noun("class", "classes")
    compared = parts.Compared("mean IoU", "IoU")
    settings: frozenset[str] = frozenset()
    templates = Path(__file__).parent
    Metrics = outcome.Metrics


PANELS = _Panels(__name__)
ANNOTATION_DRAWING = annotation.AnnotationDrawing()
