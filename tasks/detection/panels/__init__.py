"""Panels of detection: sections of the report, the model card, words of summary.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.detection.panels import outcome
from tasks.pages import parts


class _Panels:
    """See :class:`tasks.task.Panels`. What draws is imported when a report is made."""

    noun = parts.Noun("class", "classes")
    compared = parts.Compared("mAP50", "AP50")
    settings: frozenset[str] = frozenset()
    templates = Path(__file__).parent
    Metrics = outcome.Metrics

    def choose(self, answers: Any, limits: parts.Limits) -> parts.Chosen:
        from tasks.detection.panels import chosen

        return chosen.choose(answers, limits)

    def tiles(self, report: parts.Report) -> list[parts.Tile]:
        from tasks.detection.panels import sections

        return sections.tiles(report)

    def overview(self, report: parts.Report) -> list[parts.Section]:
        from tasks.detection.panels import sections

        return sections.overview(report)

    def details(self, report: parts.Report) -> list[parts.Section]:
        from tasks.detection.panels import sections

        return sections.details(report)

    def images(self, report: parts.Report) -> list[parts.Section]:
        from tasks.detection.panels import sections

        return sections.images(report)

    def card(self, report: parts.Report) -> parts.Card:
        from tasks.detection.panels import card

        return card.make(report)

    def metrics(self, result: Any, answers: Any | None) -> outcome.Metrics:
        return outcome.metrics(result, answers)

    def headline(self, metrics: outcome.Metrics | None) -> parts.Headline:
        return outcome.headline(metrics)

    def mean_score(self, metrics: outcome.Metrics) -> float | None:
        return metrics.mean_score

    def table(self, metrics: outcome.Metrics) -> parts.Table:
        return outcome.table(metrics)

    def sentence(self, metrics: outcome.Metrics, tested: int) -> str:
        return outcome.sentence(metrics, tested)

    def facts(self, metrics: outcome.Metrics) -> Sequence[tuple[str, float | None]]:
        return outcome.facts(metrics)


PANELS = _Panels()
