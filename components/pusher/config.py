"""The settings of the push."""

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


class PushConfig(BaseModel):
    """Where a blessed model goes: ``<output_dir>/serving/<model_name>/<version>/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_name: str | None = Field(
        None, pattern=NAME_PATTERN, description="default: made from the data folder's name"
    )
