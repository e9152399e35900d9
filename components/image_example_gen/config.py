"""Settings of ingest."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.images import decode_config, range_choice
from data.layout import config as folder_config
from data.masks import encoding
from data.sources import config as label_config
from data.splits import split as split_config
from tasks import task


class IngestConfig(decode_config.DecodeConfig, folder_config.FolderConfig):
    """Conversion of class folders to TFRecords."""

    split: split_config.SplitConfig = Field(
        default_factory=split_config.SplitConfig, description="splits that the pipeline makes"
    )
    value_range: range_choice.Setting = Field(
        "auto",
        description="range of grey values of more than 8 bits that is scaled to 0–255, the same for"
        " all images: auto, type, percentile, or the two values LOW,HIGH",
    )
    shard_bytes: int = Field(128 << 20, ge=1 << 10, description="target size of a TFRecord file")

    @field_validator("value_range", mode="before")
    @classmethod
    def _is_a_range(cls, value: Any) -> range_choice.Setting:
        return range_choice.parse(value)


class CorrectionsJob(BaseModel):
    """The decisions of a list of corrections that a run applies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="the list")
    rows: int = Field(ge=1, description="how many of its oldest decisions count")
    key: str = Field(description="hash of what they do; part of the cache key")


class IngestJob(BaseModel):
    """Input of the ingest step: its settings and what the runner determined."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: IngestConfig
    task: str = Field(task.DEFAULT, description="what the model learns")
    source: label_config.LabelsConfig = Field(
        default_factory=label_config.LabelsConfig,
        description="where the labels come from, with absolute paths",
    )
    labels: list[str] = Field(description="label map")
    masks: encoding.Encoding | None = Field(
        None, description="meaning of the masks' values; null where images as a whole have labels"
    )
    fingerprint: str = Field(description="hash of the listing; part of the cache key")
    code: str = Field(description="hash of the code that runs; part of the cache key")
    state_dir: str = Field(description="folder of the index and the ledger of splits")
    corrections: CorrectionsJob | None = Field(
        None, description="decisions about labels; null where none changes anything"
    )

    def decode_key(self) -> str:
        """Names the index: rows decoded with other settings or code are not reused."""
        text = f"{self.code} {self.config.decoding().model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def split_key(self) -> str:
        """Names the ledger: with other shares or groups, images are assigned anew."""
        text = self.config.split.model_dump_json() + (self.source.group_column or "")
        return hashlib.sha256(text.encode()).hexdigest()[:16]
