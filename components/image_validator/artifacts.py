"""Artifact type of the validation."""

from tfx.types import artifact


class ImageReport(artifact.Artifact):  # type: ignore[misc]
    """Findings on a set of images, in ``findings.json``."""

    TYPE_NAME = "vision.ImageReport"
