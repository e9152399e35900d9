"""The report as one HTML file: no network, no file beside it, readable without its script.

Dimension letter: K classes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.report import charts, confusion, content, figures, templates, training

TEMPLATE = "report.html.jinja"
VERDICTS = {"release": "Release", "refuse": "Refuse", "inconclusive": "Inconclusive"}
CHECKS = {"release": "passed", "refuse": "failed", "inconclusive": "inconclusive"}
_SEVERITY = {"refuse": 0, "inconclusive": 1, "release": 2}


@dataclass(frozen=True)
class Scale:
    """The values between the ends of a column that draws intervals."""

    low: float
    high: float
    low_text: str
    high_text: str

    def place(self, value: float) -> str:
        """How far from the left a value stands, for a style."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0), 1):.1f}%"

    def style(self, estimate: content.Estimate) -> str:
        """The bounds and the value of an estimate, which is not None, as a style."""
        low, high = (
            estimate.value if bound is None else bound for bound in (estimate.low, estimate.high)
        )
        places = (low, estimate.value, high)
        return ";".join(
            f"--{letter}:{self.place(value or 0.0)}"
            for letter, value in zip("lvh", places, strict=True)
        )


def render(report: content.Content) -> str:
    """Renders the page, the same for the same content."""
    return templates.html(
        TEMPLATE,
        content=report,
        said=VERDICTS,
        passed=CHECKS,
        sections=_sections(report),
        decision=report.decision,
        checks=sorted(report.decision.checks, key=lambda check: _SEVERITY[check.verdict]),
        metrics=report.metrics,
        columns=report.columns,
        classes=report.classes,
        confusion=confusion.build(report),
        calibration=report.calibration,
        outliers=report.outliers,
        comparison=report.comparison,
        robustness=report.robustness,
        slices=report.slices,
        mistakes=report.mistakes,
        uncertain=report.uncertain,
        label_errors=report.label_errors,
        training=report.training,
        phases=training.phases(report.training) if report.training else [],
        data=report.data,
        label_rows=label_rows(report),
        split_totals=[sum(part.values()) for part in report.data.examples.values()],
        budget=report.budget,
        parity=report.parity,
        exports=report.exports,
        layers=report.layers,
        lineage=report.lineage,
        groups=[
            (title, rows)
            for title, rows in (("model", report.model), *report.lineage.groups)
            if rows
        ],
        scales=_scales(report),
        charts=_charts(report),
    )


def _sections(report: content.Content) -> list[tuple[str, str]]:
    """(id, title) of what the page holds, in its order."""
    every: list[tuple[str, str, object]] = [
        ("figures", "Figures", True),
        ("served", "Served model", True),
        ("serving", "Parity and budget", report.parity or report.budget),
        ("classes", "Classes", True),
        ("confusion", "Confusion", report.confusion.counts),
        ("calibration", "Calibration", True),
        ("robustness", "Robustness", True),
        ("slices", "Slices", report.slices),
        ("mistakes", "Worst mistakes", report.mistakes),
        ("uncertain", "Most uncertain", report.uncertain),
        ("labels", "Likely label errors", report.label_errors),
        ("training", "Training", True),
        ("data", "Data", True),
        ("architecture", "Architecture", report.layers),
        ("lineage", "Lineage", True),
    ]
    return [(name, title) for name, title, is_there in every if is_there]


def label_rows(report: content.Content) -> list[tuple[str, list[int]]]:
    """Of each class, its images in each split: those with figures first, then other ones."""
    parts = report.data.examples.values()
    names = [row.name for row in report.classes]
    others = {name for part in parts for name in part} - set(names)
    return [(name, [part.get(name, 0) for part in parts]) for name in [*names, *sorted(others)]]


def _charts(report: content.Content) -> dict[str, object]:
    history = report.training
    drawn = []
    if history:
        drawn = [
            charts.curves("Loss", history, {"loss": "train", "val_loss": "eval"}),
            charts.curves(
                "Accuracy", history, {"accuracy": "train", "val_accuracy": "eval"}, is_rate=True
            ),
            charts.curves("Learning rate", history, {"learning_rate": "learning rate"}),
        ]
    bins = report.calibration.bins if report.calibration else ()
    return {
        "training": [drawing for drawing in drawn if drawing],
        "reliability": charts.reliability(bins),
    }


def _scales(report: content.Content) -> dict[str, Scale]:
    differences: tuple[content.Difference, ...] = ()
    if report.comparison:
        differences = report.comparison.overall + report.comparison.classes
    return {
        "f1": _rates(row.figures["f1"] for row in report.classes),
        "robustness": _rates(row.accuracy for row in report.robustness),
        "slices": _rates(row.accuracy for row in report.slices),
        "difference": _differences([row.difference for row in differences]),
    }


def _rates(estimates: Iterable[content.Estimate]) -> Scale:
    """From a round rate at or below the lowest one to 100%."""
    lowest = min(_bounds(estimates), default=0.0)
    low = max(0.0, min(math.floor(10 * lowest + 1e-9) / 10, 0.9))
    return Scale(low, 1.0, figures.percent(low, 0), "100%")


def _differences(estimates: Sequence[content.Estimate]) -> Scale:
    """As far to the left of 0 as to the right, in steps of 2 points."""
    widest = max((abs(bound) for bound in _bounds(estimates)), default=0.0)
    end = max(math.ceil(50 * widest - 1e-9) / 50, 0.02)
    return Scale(-end, end, figures.points(-end), figures.points(end))


def _bounds(estimates: Iterable[content.Estimate]) -> list[float]:
    values = (bound for one in estimates for bound in (one.value, one.low, one.high))
    return [value for value in map(figures.finite, values) if value is not None]
