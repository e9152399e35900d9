"""The settings of where labels come from."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data.files import read_tables
from data.sources import formats

AUTO, NONE, FOLDERS = "auto", "none", "folders"
_FORMATS = (AUTO, FOLDERS, *formats.REGISTRY)
if TYPE_CHECKING:
    Format = str
else:
    Format = Literal[_FORMATS]


class LabelsConfig(BaseModel):
    """The labels of the images: in a manifest, or else the names of their folders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = Field(
        None,
        description="manifest with the labels; default: a file metadata.csv, .jsonl or .parquet in"
        " the data folder, else the names of the folders are the labels",
    )
    format: Format = Field(
        AUTO,
        description="format of the manifest: auto, by its name and content; "
        + "; ".join(f"{one.name}, {one.summary}" for one in formats.ALL)
        + "; folders, no manifest is read",
    )
    images_dir: Path | None = Field(
        None,
        description="folder that paths in the manifest are relative to; default: the manifest's own"
        " if it lies in the data folder, else the data folder",
    )
    suffix: str = Field(
        "", description="end of the images' names, such as .jpg, if the manifest leaves it out"
    )
    path_column: str | None = Field(
        None, description="column of the images' paths; default: file_name, path and the like"
    )
    label_column: str | None = Field(
        None,
        description="column of the labels; default: label, labels, class and the like; none: images"
        " without labels, for a task that needs none",
    )
    split_column: str | None = Field(
        None, description="column of the splits; default: split, subset, partition; none: no column"
    )
    group_column: str | None = Field(
        None,
        description="column whose equal values share a split; default: group, group_id; none: no"
        " column",
    )
    separator: str = Field(
        AUTO,
        min_length=1,
        description="text between several labels in a cell; auto: | or ;; none: a cell is one label",
    )
    delimiter: str = Field(
        AUTO, description="character between two cells of a CSV file; auto: comma, ;, tab or |"
    )
    encoding: str = Field(
        AUTO,
        description="encoding of a manifest that is text, such as cp1252; auto: UTF-16 or UTF-32 by"
        " its byte-order mark, else UTF-8",
    )
    unlisted: Literal["ignore", "warn", "refuse"] = Field(
        "warn", description="what to do about image files that the manifest does not name"
    )

    def changed(self) -> list[str]:
        """Lists the names of the settings that do not have their defaults."""
        fields = type(self).model_fields
        return [name for name, field in fields.items() if getattr(self, name) != field.default]

    @field_validator("delimiter")
    @classmethod
    def _is_a_character(cls, value: str) -> str:
        value = {"tab": "\t", "\\t": "\t"}.get(value, value)
        if value != AUTO and (len(value) != 1 or value in '"\r\n\0'):
            raise ValueError("a single character, tab or auto is needed")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, value: str) -> str:
        if not read_tables.is_encoding(value):
            raise ValueError("auto or a text encoding of Python is needed, such as latin-1")
        return value

    @field_validator("suffix")
    @classmethod
    def _ends_a_name(cls, value: str) -> str:
        if "/" in value or "\0" in value:
            raise ValueError("the end of a file's name is needed, such as .jpg")
        return value if not value or value.startswith((".", "_", "-")) else f".{value}"

    @model_validator(mode="after")
    def _reads_what_is_given(self) -> "LabelsConfig":
        if self.file is not None and self.format == FOLDERS:
            raise ValueError("labels.format folders reads no manifest, and labels.file names one")
        return self


DEFAULT = LabelsConfig()
