"""The settings of ingest."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data import decode, range_choice
from data import split as split_config
from data.layout import config as folder_config


class IngestConfig(decode.DecodeConfig, folder_config.FolderConfig):
    """The settings by which class folders become TFRecords."""

    split: split_config.SplitConfig = Field(
        default_factory=split_config.SplitConfig, description="splits that the pipeline assigns"
    )
    value_range: range_choice.Setting = Field(
        "auto",
        description="range of grey values of more than 8 bits that becomes 0–255 in all images:"
        " auto, type, percentile, or the two values LOW,HIGH",
    )
    shard_bytes: int = Field(
        128 << 20, ge=1 << 10, description="target size of a TFRecord file, in bytes"
    )

    @field_validator("value_range", mode="before")
    @classmethod
    def _is_a_range(cls, value: Any) -> range_choice.Setting:
        return range_choice.parse(value)

    def decoding(self) -> decode.DecodeConfig:
        """Returns the part of the settings that a decoder needs."""
        return decode.DecodeConfig(**self.model_dump(include=set(decode.DecodeConfig.model_fields)))


class IngestJob(BaseModel):
    """The input of the ingest step: the settings, and the facts that the runner found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: IngestConfig
    labels: list[str] = Field(description="the label map")
    fingerprint: str = Field(
        description="fingerprint of the listing; makes the cache notice any change"
    )
    code: str = Field(description="hash of the code; makes the cache notice any change")
    state_dir: str = Field(description="folder of the index and the ledger of splits")

    def decode_key(self) -> str:
        """Names the index: results of other settings or code are not valid."""
        text = f"{self.code} {self.config.decoding().model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def split_key(self) -> str:
        """Names the ledger: with other shares or groups, images are assigned again."""
        return hashlib.sha256(self.config.split.model_dump_json().encode()).hexdigest()[:16]
