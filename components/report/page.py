"""The report as one HTML file without network access or other files, readable without its script.

Dimension letter: K classes.
"""

from components.release_gate.parity import probe, server_stage
from components.report import charts, content, lineage, templates, training
from data import formats
from data.images import refusals
from tasks.pages import parts, scale

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


def render(report: content.Content) -> str:
    """Renders the page, the same for the same content."""
    return templates.html(
        TEMPLATE,
        [report.panels.templates],
        report=report,
        said=VERDICTS,
        passed=CHECKS,
        blessed=BLESSED,
        stages=STAGES,
        noun=report.panels.noun,
        tiles=report.panels.tiles(report),
        sections=_sections(report),
        checks=sorted(report.decided.shown_first, key=lambda check: _SEVERITY[check.verdict]),
    )


def _sections(report: content.Content) -> list[parts.Section]:
    """Returns the page's sections in their order, the task's among them."""
    panels, made = report.panels, parts.Section
    found = [
        *panels.overview(report),
        made("served", "Served model", "served.html.jinja", {"scale": _differences(report)}),
    ]
    if report.measured.fidelity or report.measured.costs:
        found.append(made("serving", "Parity and budget", "serving.html.jinja"))
    found += panels.details(report)
    robust = {"scale": scale.rates(row.accuracy for row in report.robustness)}
    found.append(made("robustness", "Robustness", "robustness.html.jinja", robust))
    if report.slices:
        sliced = {
            "scale": scale.of_figures(row.figures[report.share_right.name] for row in report.slices)
        }
        found.append(made("slices", "Slices", "slices.html.jinja", sliced))
    found += panels.images(report)
    found.append(made("training", "Training", "training.html.jinja", _training(report)))
    found.append(made("data", "Data", "data.html.jinja", _data(report)))
    if report.layers:
        found.append(made("architecture", "Architecture", "architecture.html.jinja"))
    groups = [("model", lineage.model(report.contract, panels.noun)), *report.origins]
    found.append(made("lineage", "Lineage", "lineage.html.jinja", groups))
    return found


def _training(report: content.Content) -> dict[str, object]:
    history = report.history
    score = {history.score: "train", f"val_{history.score}": "eval"}
    drawn = [
        charts.curves("Loss", history, {"loss": "train", "val_loss": "eval"}),
        charts.curves(formats.heading(history.score_title), history, score, is_rate=True),
        charts.curves("Learning rate", history, {"learning_rate": "learning rate"}),
    ]
    return {
        "charts": [drawing for drawing in drawn if drawing],
        "phases": training.phases(history),
        "notes": training.notes(history),
    }


def _data(report: content.Content) -> dict[str, object]:
    return {
        "label_rows": report.label_rows(),
        "totals": [sum(part.values()) for part in report.ingested.examples.values()],
        "meaning": refusals.meaning,
    }


def _differences(report: content.Content) -> scale.Scale:
    checks = report.classes_against_served
    if report.whole_against_served:
        checks.append(report.whole_against_served)
    return scale.differences(
        check.figures[name] for check in checks for name in ("difference", "lower_bound")
    )
