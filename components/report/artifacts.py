"""The artifact of the report."""

from tfx.types import artifact


class Report(artifact.Artifact):  # type: ignore[misc]
    """The report of a run for readers: ``report.html`` and ``model_card.md``."""

    TYPE_NAME = "vision.Report"
