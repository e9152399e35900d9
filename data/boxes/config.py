"""The settings that define how annotations of boxes are read."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Format = Literal["auto", "voc", "coco", "yolo", "csv", "label_studio", "cvat"]
# The image for which boxes are given where the file does not tell: turned upright by its EXIF
# orientation, or as stored.
Turned = Literal["upright", "stored"]


class BoxesConfig(BaseModel):
    """Settings of how annotations of boxes are found and interpreted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format = Field(
        "auto",
        description="format of the boxes in the data folder; auto: the one that knows most images",
    )
    turned: Turned = Field(
        "upright",
        description="what boxes refer to where their file states no size that tells: the image"
        " turned upright by its EXIF orientation, or as it is stored",
    )
    images_without_annotation: bool = Field(
        False,
        description="train on images that no annotation file mentions, as images without objects;"
        " else they are left out",
    )
