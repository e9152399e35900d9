"""The settings of the prediction step."""

from pydantic import BaseModel, ConfigDict, Field

# The splits that training does not learn from; the first one also stops it and calibrates.
SPLITS = ("eval", "test")
# The split that a model is judged by.
TEST_SPLIT = "test"


class PredictJob(BaseModel):
    """All that the prediction step is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cache_dir: str = Field(description="folder with the answers of the latest models")
