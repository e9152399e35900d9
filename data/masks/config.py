"""Settings of masks: their classes, and how the files are understood."""

from pydantic import BaseModel, ConfigDict, Field

VOID_NAMES = ("void", "ignore", "ignored", "unlabelled", "unlabeled", "unknown", "dont care")


class MaskConfig(BaseModel):
    """Masks, which give each pixel a class: their classes, void and what is tolerated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    class_names: list[str] = Field(
        default_factory=list,
        description="class names in the order of the masks' values; by default those of a"
        " classes.txt, codes.txt or colour map in the data folder, else numbers",
    )
    void: list[int] = Field(
        default_factory=list,
        description="mask values of pixels without a class, besides 255 and classes named void,"
        " ignore or unlabelled",
    )
    instances: bool = Field(
        False, description="mask values number objects: every value above 0 is the one class"
    )
    max_snapped_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="largest share of a mask's pixels between two classes (antialiasing, JPEG),"
        " which are snapped to the nearer one; masks above it are put in quarantine",
    )
