"""The artifact of the report."""

from tfx.types import artifact


class Report(artifact.Artifact):  # type: ignore[misc]
    """A run for people: ``report.html`` and ``model_card.md``."""

    TYPE_NAME = "vision.Report"
