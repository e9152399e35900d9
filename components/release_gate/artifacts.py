"""The artifact of the release gate."""

from tfx.types import artifact


class ReleaseDecision(artifact.Artifact):  # type: ignore[misc]
    """A decision with its reasons in ``decision.json``, and the measurements behind it."""

    TYPE_NAME = "vision.ReleaseDecision"
