"""Settings of the push."""

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


class PushConfig(BaseModel):
    """The target of a blessed model: ``<output_dir>/serving/<model_name>/<version>/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_name: str | None = Field(
        None,
        pattern=NAME_PATTERN,
        description="name of the served model; default: derived from the data folder's name",
    )
    keep_versions: int | None = Field(
        None,
        ge=1,
        description="how many of the highest versions to keep after a push, withdrawn ones"
        " included; the version served before always stays; default: all",
    )
