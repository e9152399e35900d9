"""The artifact of the prediction step."""

from tfx.types import artifact


class Predictions(artifact.Artifact):  # type: ignore[misc]
    """A model's answers, one Parquet shard for each shard of images; see schema.py."""

    TYPE_NAME = "vision.Predictions"
