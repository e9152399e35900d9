"""What the steps left → what the report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from components.evaluator import metric, mistakes, registry, reliability, result, robustness
from components.image_example_gen import report as ingest_report
from components.image_validator import findings as validation
from components.predict import predictions
from components.release_gate import against_served, decision, gate, probe, server_stage
from components.report import config as report_config
from components.report import content, lineage, origin, pictures, product
from components.trainer import architecture
from components.trainer import history as training_history

HEADLINES = {
    ("release", True): "Every check passed.",
    ("inconclusive", True): "Too few images to tell, and gate.inconclusive says to release then.",
    ("inconclusive", False): "Too few images to tell; the model in serving stays.",
    ("refuse", False): "A check failed.",
}
STAGES = {
    probe.BATCH: "SavedModel, in one batch",
    probe.ALONE: "SavedModel, one by one",
    probe.EXAMPLES: "serve_examples",
    server_stage.STAGE: "running server",
}
TOP_K = "top_k_accuracy"
OUTLIER_SCORE = "cosine distance to the nearest class mean"


@dataclass(frozen=True)
class Sources:
    """All that a report is made of.

    Attributes:
      job: the settings.
      run_id: names the run.
      made: when the model was made, as it is read.
      result: the figures on the test split.
      decided: the decision of the release gate.
      measured: what the gate found of parity and budget.
      candidate: the model's answers on the test split, with the labels of the data.
      contract: of the model.
      history: of its training.
      ingested: what became of the files.
      findings: of the checks of the images.
      layers: of the network; empty where they have no formulas.
      robustness: under mild corruptions; empty where not measured.
      repeatable: what the run can be repeated from.
    """

    job: report_config.ReportJob
    run_id: str
    made: str
    result: result.Result
    decided: decision.Decision
    measured: gate.Measured
    candidate: predictions.Predictions
    contract: Mapping[str, Any]
    history: training_history.History
    ingested: ingest_report.Report
    findings: Sequence[validation.Finding]
    layers: Sequence[architecture.Row]
    robustness: Sequence[robustness.Row]
    repeatable: origin.Lineage


def assemble(
    sources: Sources, chosen: pictures.Chosen, drawn: Mapping[str, tuple[str, str]]
) -> content.Content:
    """Puts it together.

    Args:
      sources: what the steps left.
      chosen: the images to show.
      drawn: path → the image and the image under its heat map, as data URIs.
    """
    found, decided = sources.result, sources.decided
    return content.Content(
        title=sources.job.name,
        run_id=sources.run_id,
        source=sources.ingested.source,
        made=sources.made,
        decision=content.Decision(
            decided.verdict,
            decided.blessed,
            HEADLINES[decided.verdict, decided.blessed],
            tuple(
                content.Check(row.name.replace("_", " "), row.verdict, row.message)
                for row in _of_interest(decided)
            ),
        ),
        metrics=_metrics(found),
        columns=tuple(_column(one, found) for one in registry.by_class()),
        classes=tuple(
            content.ClassRow(name, row.support, _estimates(row.figures))
            for name, row in found.per_class.items()
        ),
        confusion=content.Confusion(
            tuple(tuple(row) for row in found.confusion),
            {
                cell: tuple(_pictures(paths, sources.candidate, drawn))
                for cell, paths in chosen.cells.items()
            },
        ),
        data=lineage.data(sources.ingested, sources.findings),
        calibration=_calibration(sources),
        outliers=_outliers(sources),
        comparison=_comparison(sources),
        robustness=tuple(
            content.RobustnessRow(
                row.name, content.Estimate(row.accuracy), row.accuracy_loss, row.count
            )
            for row in sources.robustness
        ),
        slices=_slices(found),
        mistakes=_examples(chosen.worst, drawn),
        uncertain=_examples(chosen.doubtful, drawn),
        label_errors=_examples(chosen.mislabelled, drawn),
        training=lineage.training(sources.history),
        budget=_budget(sources),
        parity=_parity(sources.measured, sources.job.parity_tolerance),
        exports=_exports(sources.measured),
        layers=tuple(origin.Layer(**asdict(row)) for row in sources.layers),
        lineage=sources.repeatable,
        model=lineage.model(sources.contract),
    )


def _of_interest(decided: decision.Decision) -> list[decision.Check]:
    """Without the classes where all is well, which the table shows."""
    return [
        row
        for row in decided.checks
        if row.verdict != "release" or decision.CLASS not in row.figures
    ]


def _metrics(found: result.Result) -> content.Metrics:
    averages = ("macro", "weighted", "micro")
    # Of one guess it is the accuracy, and of all classes always right.
    says_nothing = () if 1 < found.top_k < len(found.labels) else (TOP_K,)
    shown = [one for one in registry.of_whole() if one.name not in says_nothing]
    return content.Metrics(
        images=found.example_count,
        columns=tuple(_column(one, found) for one in shown),
        figures=_estimates(found.figures),
        averages=tuple(
            content.Average(name, *(content.Estimate(value) for value in asdict(row).values()))
            for name in averages
            for row in [getattr(found.averages, name)]
        ),
        confidence=found.confidence,
    )


def _column(one: metric.Metric, found: result.Result) -> content.Column:
    return content.Column(one.name, one.titled(found.top_k), one.form is metric.Form.RATE)


def _estimates(figures: Mapping[str, result.Figure]) -> dict[str, content.Estimate]:
    return {name: _estimate(figure) for name, figure in figures.items()}


def _estimate(figure: result.Figure) -> content.Estimate:
    low, high = figure.interval or (None, None)
    return content.Estimate(figure.value, low, high)


def _slices(found: result.Result) -> tuple[content.SliceRow, ...]:
    # Of a class, the table of classes says the same.
    return tuple(
        content.SliceRow(row.feature, row.value, row.count, _estimate(row.figures["accuracy"]))
        for row in found.slices
        if row.feature != "image/class/text"
    )


def _pictures(
    paths: Sequence[str],
    found: predictions.Predictions,
    drawn: Mapping[str, tuple[str, str]],
) -> list[content.Picture]:
    places = {path: index for index, path in enumerate(found.paths)}
    rows = []
    for path in paths:
        probability = found.probabilities[places[path]].max(initial=0.0)
        shown = drawn.get(path, ("", ""))
        rows.append(content.Picture(path, f"{probability:.0%}", *shown))
    return rows


def _examples(
    rows: Sequence[mistakes.Row], drawn: Mapping[str, tuple[str, str]]
) -> tuple[content.Example, ...]:
    return tuple(
        content.Example(
            content.Picture(row.path, "", *drawn.get(row.path, ("", ""))),
            row.label,
            row.predicted,
            row.probability,
            row.label_probability,
        )
        for row in rows
    )


def _calibration(sources: Sources) -> content.Calibration:
    found = sources.candidate
    return content.Calibration(
        ece=reliability.expected_calibration_error(found),
        temperature=sources.contract.get("temperature"),
        bins=tuple(content.Bin(**asdict(row)) for row in reliability.bins(found)),
    )


def _outliers(sources: Sources) -> content.Outliers | None:
    threshold = sources.contract.get("outlier_threshold")
    if threshold is None:
        return None
    found = sources.candidate
    flagged = (found.outlier_scores > threshold)[found.valid]
    return content.Outliers(
        score=OUTLIER_SCORE,
        threshold=threshold,
        coverage=sources.contract.get("outlier_coverage"),
        flagged=float(flagged.mean()) if len(flagged) else None,
    )


def _comparison(sources: Sources) -> content.Comparison | None:
    checks = sources.decided.checks
    whole = [row for row in checks if row.name == against_served.ACCURACY]
    if not whole:
        return None
    classes = [row for row in checks if row.name == against_served.RECALL]
    return content.Comparison(
        served="",
        images=int(whole[0].figures["count"]),
        overall=tuple(_difference("accuracy", row) for row in whole),
        classes=tuple(_difference(row.figures[decision.CLASS], row) for row in classes),
        margin=whole[0].figures["margin"],
    )


def _difference(name: str, row: decision.Check) -> content.Difference:
    figures = row.figures
    return content.Difference(
        name,
        figures["candidate_rate"],
        figures["served_rate"],
        content.Estimate(figures["difference"], figures["lower_bound"]),
    )


def _budget(sources: Sources) -> tuple[product.BudgetLine, ...]:
    return tuple(
        product.BudgetLine(row.name, row.value, row.limit, row.unit, row.ok, row.sentence)
        for row in sources.measured.costs
    )


def _exports(measured: gate.Measured) -> tuple[product.Export, ...]:
    return tuple(
        product.Export(
            one.format,
            one.file,
            one.size_bytes,
            one.largest,
            one.agreement,
            one.ok,
            one.sentence,
        )
        for one in measured.exports
    )


def _parity(measured: gate.Measured, tolerance: float) -> product.Parity | None:
    found = measured.fidelity
    if found is None:
        return None
    different = {row.stage for row in found.differences}
    return product.Parity(
        images=found.images,
        tolerance=tolerance,
        stages=tuple(
            product.ParityStage(STAGES[name], largest, name not in different)
            for name, largest in found.largest.items()
        ),
        notes=(*found.problems, *found.left_out),
    )
