"""The model card: the report's figures as Markdown, for beside the model.

Source: Mitchell et al., "Model Cards for Model Reporting", 2019,
https://arxiv.org/abs/1810.03993.
"""

import re

from components.report import content, figures, page, templates, training

TEMPLATE = "model_card.md.jinja"
# Fewer test images than this say little about a class.
FEW_IMAGES = 30
MAX_NAMED = 10


def render(report: content.Content) -> str:
    """Renders the card, the same for the same content."""
    card = templates.markdown(
        TEMPLATE,
        content=report,
        decision=report.decision,
        said=page.VERDICTS,
        passed=page.CHECKS,
        general_use=_general_use(report),
        metrics=report.metrics,
        columns=report.columns,
        classes=report.classes,
        calibration=report.calibration,
        outliers=report.outliers,
        comparison=report.comparison,
        robustness=report.robustness,
        slices=report.slices,
        data=report.data,
        label_rows=page.label_rows(report),
        phases=training.phases(report.training) if report.training else [],
        caveats=_caveats(report),
    )
    card = re.sub(r"\n{3,}", "\n\n", card).rstrip() + "\n"
    config = report.lineage.config
    return card + "\n" + templates.fenced(config, "yaml") if config else card


def _general_use(report: content.Content) -> str:
    return (
        f"Sorting single photographs like those it was trained on into {len(report.classes)}"
        " classes. It is not meant for images of anything else, nor for several objects of"
        " different classes in one image; a decision that matters needs a person."
    )


def _caveats(report: content.Content) -> list[str]:
    """What the figures warn of, then what the report brings."""
    found = []
    few = [row for row in report.classes if row.support < FEW_IMAGES]
    if few:
        found.append(
            f"Fewer than {FEW_IMAGES} test images: {_names(few)}. Their figures are uncertain."
        )
    recalls = [(row.figures["recall"].value, row.name) for row in report.classes]
    rates = [(value, name) for value, name in recalls if value is not None]
    if rates:
        lowest, name = min(rates)
        found.append(f"The class found least often is {name}: {figures.percent(lowest)} of it.")
    never = [
        row for row in report.classes if row.support and row.figures["precision"].value is None
    ]
    if never:
        found.append(f"Never predicted: {_names(never)}.")
    drops = [(row.drop, row.name) for row in report.robustness if row.drop is not None]
    if drops and max(drops)[0] > 0:
        largest, name = max(drops)
        found.append(f"{name} costs {figures.points(largest, '')} points of accuracy.")
    elif not report.robustness:
        found.append("Robustness against damaged images was not measured.")
    if report.calibration is None:
        found.append("How far the probabilities can be believed was not measured.")
    if report.label_errors:
        found.append(f"Labels that are likely wrong: {len(report.label_errors)} test images.")
    return [*found, *report.caveats]


def _names(rows: list[content.ClassRow]) -> str:
    names = ", ".join(row.name for row in rows[:MAX_NAMED])
    return names + (f" and {len(rows) - MAX_NAMED} more" if len(rows) > MAX_NAMED else "")
