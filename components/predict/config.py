"""Settings of the prediction step."""

from pydantic import BaseModel, ConfigDict, Field

# The splits that training does not learn from; the first one is for early stopping and calibration.
SPLITS = ("eval", "test")
# The split of the metrics and of the release gate.
TEST_SPLIT = "test"


class PredictJob(BaseModel):
    """The settings of the Predict step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cache_dir: str = Field(description="folder with the answers of the latest models")
    group_pattern: str | None = Field(
        None, description="pattern of paths; images with equal matches are resampled together"
    )
