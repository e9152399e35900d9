"""The settings of the push."""

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


class PushConfig(BaseModel):
    """Where a blessed model goes: ``<output_dir>/serving/<model_name>/<version>/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_name: str | None = Field(
        None, pattern=NAME_PATTERN, description="default: made from the data folder's name"
    )
    keep_versions: int | None = Field(
        None,
        ge=1,
        description="how many of the highest versions remain after a push, those taken back"
        " included; what was served until then always does; default: all",
    )
