"""The model card: the report's figures as Markdown, to keep beside the model.

Source: Mitchell et al., "Model Cards for Model Reporting", 2019,
https://arxiv.org/abs/1810.03993.
"""

import re

from components.report import content, lineage, page, templates, training
from data import formats

TEMPLATE = "model_card.md.jinja"
# With fewer test images than this, the figures of a class are uncertain.
FEW_IMAGES = 30
MAX_NAMED = 10


def render(report: content.Content) -> str:
    """Renders the card, the same for the same content."""
    card = templates.markdown(
        TEMPLATE,
        report=report,
        said=page.VERDICTS,
        passed=page.CHECKS,
        blessed=page.BLESSED,
        stages=page.STAGES,
        model=lineage.model(report.contract),
        general_use=_general_use(report),
        label_rows=report.label_rows(),
        phases=training.phases(report.history),
        caveats=_caveats(report),
    )
    card = re.sub(r"\n{3,}", "\n\n", card).rstrip() + "\n"
    config = report.job.resolved
    return card + "\n" + templates.fenced(config, "yaml") if config else card


def _general_use(report: content.Content) -> str:
    return (
        f"Classification of single photographs like the training images into"
        f" {len(report.result.labels)} classes. Not intended for images of anything else, nor for"
        " several objects of different classes in one image; important decisions need a person."
    )


def _caveats(report: content.Content) -> list[str]:
    """Returns the caveats that follow from the figures."""
    found, classes = [], report.result.per_class
    few = [name for name, row in classes.items() if row.support < FEW_IMAGES]
    if few:
        found.append(
            f"Fewer than {FEW_IMAGES} test images: {_names(few)}. Their figures are uncertain."
        )
    recalls = [(row.value("recall"), name) for name, row in classes.items()]
    rates = [(value, name) for value, name in recalls if value is not None]
    if rates:
        lowest, name = min(rates)
        found.append(f"The class with the lowest recall is {name}: {formats.percent(lowest)}.")
    never = [
        name for name, row in classes.items() if row.support and row.value("precision") is None
    ]
    if never:
        found.append(f"Never predicted: {_names(never)}.")
    losses = [
        (row.accuracy_loss, row.name) for row in report.robustness if row.accuracy_loss is not None
    ]
    if losses and max(losses)[0] > 0:
        largest, name = max(losses)
        found.append(f"{name} costs {formats.points(largest, '')} points of accuracy.")
    elif not report.robustness:
        found.append("Robustness against corrupted images was not measured.")
    if label_errors := report.chosen.label_errors:
        found.append(f"Labels that are likely wrong: {label_errors} test images.")
    return found


def _names(names: list[str]) -> str:
    named = ", ".join(names[:MAX_NAMED])
    return named + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
