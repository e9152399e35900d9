"""The settings of ingest."""

from pydantic import BaseModel, ConfigDict, Field

from data import decode
from data import split as split_config


class IngestConfig(BaseModel):
    """How class folders become TFRecords."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    split: split_config.SplitConfig = Field(
        default_factory=split_config.SplitConfig, description="shares of the splits made by content"
    )
    limits: decode.Limits = Field(
        default_factory=decode.Limits, description="what one image may cost"
    )
    shard_bytes: int = Field(128 << 20, ge=1 << 10, description="aimed size of a TFRecord file")


class IngestJob(BaseModel):
    """All that the ingest step is told: the settings and what the runner found out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: IngestConfig
    labels: list[str] = Field(description="the label map")
    fingerprint: str = Field(description="of the listing; makes the cache notice any change")
    code: str = Field(description="hash of the code that runs; likewise")
