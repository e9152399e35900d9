"""The settings that say what the folders of a data folder mean."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.layout import names, recognise
from data.splits import spans as span_folders


class FolderConfig(BaseModel):
    """What the folders of a data folder mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: recognise.Choice = Field(
        "auto",
        description="what the folders are: classes, whatever their names; splits, whatever lies"
        " beside them; auto: told by their names and by what they hold",
    )
    spans: span_folders.SpanConfig = Field(
        default_factory=span_folders.SpanConfig,
        description="folders of images that arrive over time",
    )
    exclude_classes: list[str] = Field(
        default_factory=list, description="names of class folders to leave out"
    )
    accept_class_names: bool = Field(
        False, description="allow classes that are named like a split, a date or an archive"
    )
    allow_missing_classes: bool = Field(
        False, description="let a split folder lack a class that another one has"
    )
    max_unused_share: float = Field(
        0.01, ge=0, le=1, description="largest share of image files that may lie unused"
    )

    @field_validator("exclude_classes")
    @classmethod
    def _canonical(cls, value: list[str]) -> list[str]:
        return [names.canonical(name) for name in value]
