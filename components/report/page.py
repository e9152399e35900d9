"""The report as one HTML file without network access or other files, readable without its script.

Dimension letter: K classes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from components.release_gate.parity import probe, server_stage
from components.report import charts, confusion, content, lineage, templates, training
from data import formats
from data.images import refusals
from tasks.classification.figures import reliability, result
from tasks.statistics import averages

TEMPLATE = "report.html.jinja"
VERDICTS = {"release": "Release", "refuse": "Refuse", "inconclusive": "Inconclusive"}
CHECKS = {"release": "passed", "refuse": "failed", "inconclusive": "inconclusive"}
BLESSED = {
    True: "The model is blessed: it may be pushed.",
    False: "The model is not blessed: it is not pushed.",
}
STAGES = {
    probe.BATCH: "SavedModel, in one batch",
    probe.ALONE: "SavedModel, one by one",
    probe.EXAMPLES: "serve_examples",
    server_stage.STAGE: "running server",
}
_SEVERITY = {"refuse": 0, "inconclusive": 1, "release": 2}


@dataclass(frozen=True)
class Scale:
    """The range of values of a column that draws intervals."""

    low: float
    high: float
    low_text: str
    high_text: str

    def place(self, value: float) -> str:
        """Returns a value's distance from the left, for a style."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0), 1):.1f}%"

    def style(self, value: float, interval: tuple[float, float] | None = None) -> str:
        """Returns the bounds and the value of a figure as a style."""
        low, high = interval or (value, value)
        places = zip("lvh", (low, value, high), strict=True)
        return ";".join(f"--{letter}:{self.place(one)}" for letter, one in places)


def render(report: content.Content) -> str:
    """Renders the page, the same for the same content."""
    parts = report.ingested.examples.values()
    return templates.html(
        TEMPLATE,
        report=report,
        said=VERDICTS,
        passed=CHECKS,
        blessed=BLESSED,
        stages=STAGES,
        meaning=refusals.meaning,
        sections=_sections(report),
        checks=sorted(report.decided.shown_first, key=lambda check: _SEVERITY[check.verdict]),
        confusion=confusion.build(report),
        phases=training.phases(report.history),
        notes=training.notes(report.history),
        label_rows=report.label_rows(),
        split_totals=[sum(part.values()) for part in parts],
        groups=[("model", lineage.model(report.contract)), *report.origins],
        scales=_scales(report),
        charts=_charts(report),
    )


def _sections(report: content.Content) -> list[tuple[str, str]]:
    """Returns (id, title) of the page's sections, in their order."""
    every: list[tuple[str, str, object]] = [
        ("figures", "Figures", True),
        ("served", "Served model", True),
        ("serving", "Parity and budget", report.measured.fidelity or report.measured.costs),
        ("classes", "Classes", True),
        ("confusion", "Confusion", report.result.confusion),
        ("calibration", "Calibration", True),
        ("robustness", "Robustness", True),
        ("slices", "Slices", report.slices),
        ("mistakes", "Worst mistakes", report.chosen.worst),
        ("uncertain", "Most uncertain", report.chosen.doubtful),
        ("labels", "Likely label errors", report.chosen.mislabelled),
        ("training", "Training", True),
        ("data", "Data", True),
        ("architecture", "Architecture", report.layers),
        ("lineage", "Lineage", True),
    ]
    return [(name, title) for name, title, is_there in every if is_there]


def _charts(report: content.Content) -> dict[str, object]:
    history = report.history
    drawn = [
        charts.curves("Loss", history, {"loss": "train", "val_loss": "eval"}),
        charts.curves(
            "Accuracy", history, {"accuracy": "train", "val_accuracy": "eval"}, is_rate=True
        ),
        charts.curves("Learning rate", history, {"learning_rate": "learning rate"}),
    ]
    return {
        "training": [drawing for drawing in drawn if drawing],
        "reliability": charts.reliability(reliability.bins(report.candidate)),
    }


def _scales(report: content.Content) -> dict[str, Scale]:
    checks = report.recalls_against_served
    if report.accuracy_against_served:
        checks.append(report.accuracy_against_served)
    return {
        "f1": _rates(_bounds(row.figures["f1"] for row in report.result.per_class.values())),
        "robustness": _rates(row.accuracy for row in report.robustness),
        "slices": _rates(_bounds(row.figures["accuracy"] for row in report.slices)),
        "difference": _differences(
            check.figures[name] for check in checks for name in ("difference", "lower_bound")
        ),
    }


def _rates(values: Iterable[float | None]) -> Scale:
    """Returns a scale from a round rate at or below the lowest one to 100%."""
    lowest = min(_known(values), default=0.0)
    low = max(0.0, min(math.floor(10 * lowest + 1e-9) / 10, 0.9))
    return Scale(low, 1.0, formats.percent(low, 0), "100%")


def _differences(values: Iterable[float | None]) -> Scale:
    """Returns a scale that is symmetric about 0, in steps of 2 points."""
    widest = max((abs(value) for value in _known(values)), default=0.0)
    end = max(math.ceil(50 * widest - 1e-9) / 50, 0.02)
    return Scale(-end, end, formats.points(-end), formats.points(end))


def _bounds(figures: Iterable[result.Figure]) -> list[float | None]:
    return [bound for one in figures for bound in (one.value, *(one.interval or ()))]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in map(averages.known, values) if value is not None]
