"""Severities and limits of the checks of boxes."""

import pydantic
from pydantic import ConfigDict, Field

from tasks import checking

MAX_OBJECTS = 100


class Settings(pydantic.BaseModel):
    """Severities and limits of the checks of boxes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bad_boxes: checking.Severity = Field(
        "warn", description="boxes that are inverted, empty, outside, without a name or clipped"
    )
    box_size_tags: checking.Severity = Field(
        "warn", description="annotations whose size of the image is absent or wrong"
    )
    annotation_names: checking.Severity = Field(
        "warn", description="annotations that name another image than the one they belong to"
    )
    class_numbers: checking.SetSeverity = Field(
        "warn",
        description="classes that no box has, and numbers of classes that seem to begin at 1",
    )
    repeated_boxes: checking.Severity = Field("warn", description="the same box twice in an image")
    boxes_with_two_classes: checking.Severity = Field(
        "warn", description="one box with two classes in an image"
    )
    boxes_of_whole_image: checking.Severity = Field(
        "warn", description="boxes that cover almost the whole image"
    )
    tiny_boxes: checking.Severity = Field(
        "warn", description="boxes with a side below min_box_side_share"
    )
    crowded_boxes: checking.Severity = Field(
        "warn", description="images in which centres of one class are closer than centre_share"
    )
    many_objects: checking.Severity = Field(
        "warn", description=f"images with more objects than {MAX_OBJECTS}, the most that is learnt"
    )
    label_spellings: checking.SetSeverity = Field(
        "warn", description="labels that differ only in case, spaces or punctuation"
    )
    objects_by_split: checking.SetSeverity = Field(
        "warn", description="classes without an object in a split"
    )
    object_balance: checking.SetSeverity = Field(
        "warn",
        description="splits whose objects are of other classes, or of another number an image, than"
        " those of the training split, by max_split_ratio",
    )
    copies_with_other_boxes: checking.Severity = Field(
        "warn", description="copies of an image with different boxes"
    )
    min_box_side_share: float = Field(
        0.015, ge=0, le=1, description="shortest side of a box, as a share of the image's"
    )
    max_box_area_share: float = Field(
        0.98, gt=0, le=1, description="largest area of a box, as a share of the image's"
    )
    max_split_ratio: float = Field(
        3.0,
        ge=1,
        description="largest ratio of a class's share of the objects, and of the objects an image,"
        " between a split and the training split",
    )
    centre_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="least distance of two centres of one class, as a share of the image's side;"
        " closer ones fall into one cell of the head",
    )
