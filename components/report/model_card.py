"""The model card: the report's figures as Markdown, to keep beside the model.

Source: Mitchell et al., "Model Cards for Model Reporting", 2019,
https://arxiv.org/abs/1810.03993.
"""

import re

from components.report import content, lineage, page, templates, training

TEMPLATE = "model_card.md.jinja"


def render(report: content.Content) -> str:
    """Renders the card, the same for the same content."""
    about = report.panels.card(report)
    card = templates.markdown(
        TEMPLATE,
        [report.panels.templates],
        report=report,
        said=page.VERDICTS,
        passed=page.CHECKS,
        blessed=page.BLESSED,
        stages=page.STAGES,
        model=lineage.model(report.contract, report.panels.noun),
        noun=report.panels.noun,
        about=about,
        panel=about.content,
        label_rows=report.label_rows(),
        phases=training.phases(report.history),
    )
    card = re.sub(r"\n{3,}", "\n\n", card).rstrip() + "\n"
    config = report.job.resolved
    return card + "\n" + templates.fenced(config, "yaml") if config else card
