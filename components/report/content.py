"""Content of a report: the results of the steps, which the page and the model card show.

Nothing is copied here. The templates read a step's own objects; values that combine several of
them, or select from them, are properties below. Names and paths may contain anything that a file
system allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from components.evaluator import robustness
from components.image_validator import findings as validation
from components.release_gate import decision, gate
from components.report import config as report_config
from components.report import lineage, pictures
from components.trainer import history as training_history
from components.trainer.network import architecture
from data.examples import example, ingest_report
from tasks import gate_check, metric, task
from tasks.facets import showing
from tasks.pages import parts

HEADLINES = {
    ("release", True): "Every check passed.",
    ("inconclusive", True): "Too few images to tell; gate.inconclusive is release.",
    ("inconclusive", False): "Too few images to tell; the model in serving stays.",
    ("refuse", False): "A check failed.",
}


@dataclass(frozen=True)
class Content:
    """The results of one run.

    Attributes:
      job: the settings.
      run_id: the run's name.
      made: the time at which the model was made, as text.
      result: the figures on the test split.
      decided: the decision of the release gate.
      measured: the gate's measurements of parity and budget.
      candidate: the model's answers on the test split, with the labels of the data.
      contract: the model's contract.
      history: the history of its training.
      ingested: the report of ingest.
      findings: the findings of the checks of the images.
      layers: the network's layers; empty where they have no formulas.
      robustness: results under mild corruptions; empty where not measured.
      origins: the data, code and settings to repeat the run with.
      chosen: the test images to show.
      drawn: path → the image as it is shown; only images that could be drawn.
    """

    job: report_config.ReportJob
    run_id: str
    made: str
    result: Any
    decided: decision.Decision
    measured: gate.Measured
    candidate: Any
    contract: Mapping[str, Any]
    history: training_history.History
    ingested: ingest_report.Report
    findings: Sequence[validation.Finding]
    layers: Sequence[architecture.Row]
    robustness: Sequence[robustness.Row]
    origins: Sequence[lineage.Group]
    chosen: parts.Chosen
    drawn: Mapping[str, pictures.Picture]

    @property
    def headline(self) -> str:
        """Returns the decision in a sentence."""
        return HEADLINES[self.decided.verdict, self.decided.blessed]

    @property
    def panels(self) -> showing.Panels:
        """Returns what the task of the run shows."""
        return self._task.panels

    @property
    def share_right(self) -> metric.Metric:
        """Returns the metric that stands for all in slices and of corrupted images."""
        figures = self._task.figures
        return next(one for one in figures.of_whole if one.name == figures.share_right)

    @property
    def moving_left_out(self) -> bool:
        """Returns whether corruptions that move what an image shows are left out."""
        return self._task.figures.survives_corruption == "unmoving"

    @property
    def _task(self) -> task.Task:
        return task.load(self.job.task)

    @property
    def slices(self) -> list[Any]:
        """Returns the slices without those by class, which the table of classes contains; none if all are undefined."""
        rows = [row for row in self.result.slices if row.feature != example.CLASS_TEXT]
        shown = self.share_right.name
        return rows if any(row.figures[shown].value is not None for row in rows) else []

    @property
    def outlier_threshold(self) -> float | None:
        """Returns the score above which an image is flagged; None where none ever is."""
        return self.contract.get("outlier_threshold")

    @property
    def flagged_share(self) -> float | None:
        """Returns the share of the test images that are flagged as outliers, in 0–1."""
        flagged = self.candidate.outlier_scores > self.outlier_threshold
        known = flagged[self.candidate.valid]
        return float(known.mean()) if len(known) else None

    @property
    def whole_against_served(self) -> gate_check.Check | None:
        """Returns the check of all images against the served model; None without one."""
        found = self._checks(self._task.evidence.whole_check)
        return found[0] if found else None

    @property
    def classes_against_served(self) -> list[gate_check.Check]:
        """Returns the checks of each class against the served model."""
        return self._checks(self._task.evidence.class_check)

    @cached_property
    def totals(self) -> architecture.Totals:
        """Returns the parameters and multiply-adds of all layers; there must be layers."""
        return architecture.totals(self.layers)

    def picture(self, path: str) -> pictures.Picture:
        """Returns a test image as it is shown; an empty picture where it could not be drawn."""
        return self.drawn.get(path, pictures.EMPTY)

    @property
    def overlaid(self) -> set[str]:
        """Returns the paths of the images that have a heat map."""
        return {path for path, picture in self.drawn.items() if picture.has_heat}

    def label_rows(self) -> list[tuple[str, list[int]]]:
        """Returns each class's images in each split: the classes with figures first."""
        if self.ingested.is_unlabelled:
            counts = self.ingested.counts()
            return [("without a label", [counts[name] for name in self.ingested.examples])]
        parts = self.ingested.examples.values()
        names = self.job.labels
        others = {name for part in parts for name in part} - set(names)
        return [(name, [part.get(name, 0) for part in parts]) for name in [*names, *sorted(others)]]

    def _checks(self, name: str) -> list[gate_check.Check]:
        return [check for check in self.decided.checks if check.name == name]
