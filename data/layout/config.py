"""The settings that define how a data folder is interpreted."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.boxes import config as boxes_config
from data.layout import names, recognise
from data.masks import config as mask_config
from data.splits import spans as span_folders


class FolderConfig(BaseModel):
    """Settings of how the folders of a data folder are interpreted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: recognise.Choice = Field(
        "auto",
        description="meaning of the folders in the data folder: classes, whatever their names;"
        " splits, whatever lies beside them; auto: decided by their names and contents",
    )
    spans: span_folders.SpanConfig = Field(
        default_factory=span_folders.SpanConfig,
        description="spans: folders of images that arrive over time",
    )
    exclude_classes: list[str] = Field(
        default_factory=list, description="names of class folders to leave out, as a list"
    )
    accept_class_names: bool = Field(
        False, description="allow classes named like a split, a date or an archive"
    )
    allow_missing_classes: bool = Field(
        False, description="allow a split folder to lack a class that another one has"
    )
    max_unused_share: float = Field(
        0.01, ge=0, le=1, description="largest share of image files that may remain unused"
    )

    boxes: boxes_config.BoxesConfig = Field(
        default_factory=boxes_config.BoxesConfig, description="boxes, where objects have classes"
    )
    masks: mask_config.MaskConfig = Field(
        default_factory=mask_config.MaskConfig, description="masks, where every pixel has a class"
    )

    @field_validator("exclude_classes")
    @classmethod
    def _canonical(cls, value: list[str]) -> list[str]:
        return [names.canonical(name) for name in value]


DEFAULT = FolderConfig()
