"""The settings of ingest."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data import decode, range_choice
from data import split as split_config
from data.layout import config as folder_config


class IngestConfig(decode.DecodeConfig, folder_config.FolderConfig):
    """How class folders become TFRecords."""

    split: split_config.SplitConfig = Field(
        default_factory=split_config.SplitConfig, description="the splits that the pipeline makes"
    )
    value_range: range_choice.Setting = Field(
        "auto",
        description="what becomes 0–255 of grey values of more than 8 bits, for all images alike:"
        " auto, type, percentile, or the two values LOW,HIGH",
    )
    shard_bytes: int = Field(128 << 20, ge=1 << 10, description="aimed size of a TFRecord file")

    @field_validator("value_range", mode="before")
    @classmethod
    def _is_a_range(cls, value: Any) -> range_choice.Setting:
        return range_choice.parse(value)

    def decoding(self) -> decode.DecodeConfig:
        """Returns the part of the settings that a decoder is told."""
        return decode.DecodeConfig(**self.model_dump(include=set(decode.DecodeConfig.model_fields)))


class IngestJob(BaseModel):
    """All that the ingest step is told: the settings and what the runner found out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: IngestConfig
    labels: list[str] = Field(description="the label map")
    fingerprint: str = Field(description="of the listing; makes the cache notice any change")
    code: str = Field(description="hash of the code that runs; likewise")
    state_dir: str = Field(description="where the index and the ledger of splits are kept")

    def decode_key(self) -> str:
        """Names the index: what was decoded with other settings or code says nothing."""
        text = f"{self.code} {self.config.decoding().model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def split_key(self) -> str:
        """Names the ledger: under other shares or groups, images are assigned anew."""
        return hashlib.sha256(self.config.split.model_dump_json().encode()).hexdigest()[:16]
