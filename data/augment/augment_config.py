"""The settings of augmentation and mixing. Imports no TensorFlow: the command line reads them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_POLICY_OPERATIONS = 4

# Field → its largest value; a bound "below 1" is kept as a value slightly below 1.
_LARGEST = {
    "rotation_degrees": 180.0,
    "zoom_fraction": 0.95,
    "translation_fraction": 0.95,
    "brightness_fraction": 0.95,
    "contrast_fraction": 0.95,
    "saturation_fraction": 0.95,
    "erase_area_fraction": 0.95,
    "policy_magnitude": 1.0,
}
_SMALLEST_CROP = 0.05
_LARGEST_ASPECT_RATIO = 4.0


class AugmentConfig(BaseModel):
    """The extent of each random change; 0 turns a change off, and so does a crop of 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Literal["data", "model"] = Field(
        "data", description="where to augment: in tf.data beside the training step, or in the model"
    )
    horizontal_flip: bool = Field(
        True, description="mirror half of the training images left to right"
    )
    vertical_flip: bool = Field(False, description="flip half of the training images upside down")
    rotation_degrees: float = Field(
        10.0, ge=0, le=180, description="largest random rotation, in degrees"
    )
    zoom_fraction: float = Field(0.15, ge=0, lt=1, description="largest random zoom in or out")
    translation_fraction: float = Field(
        0.08, ge=0, lt=1, description="largest shift, as a share of the side"
    )
    border: Literal["mirror", "grey"] = Field(
        "mirror",
        description="what a moved image shows beyond its edges: itself mirrored, or grey, which shows no"
        " object that has no box (in masks: void)",
    )
    brightness_fraction: float = Field(
        0.15, ge=0, lt=1, description="largest random change of brightness"
    )
    contrast_fraction: float = Field(
        0.15, ge=0, lt=1, description="largest random change of contrast"
    )
    saturation_fraction: float = Field(0.0, ge=0, lt=1, description="largest change of saturation")
    crop_min_area_fraction: float = Field(
        1.0,
        ge=_SMALLEST_CROP,
        le=1,
        description="smallest area of a random resized crop, as a share; 1: no crop",
    )
    crop_max_aspect_ratio: float = Field(
        4 / 3, ge=1, le=_LARGEST_ASPECT_RATIO, description="largest aspect ratio of a random crop"
    )
    erase_probability: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of training images in which a random rectangle is erased",
    )
    erase_area_fraction: float = Field(
        0.33, ge=0, lt=1, description="largest erased area, as a share of the image"
    )
    policy: Literal["none", "randaugment", "trivialaugment"] = Field(
        "none",
        description="policy that adds random operations from a list of 14 to the other changes",
    )
    policy_operations: int = Field(
        2, ge=1, le=MAX_POLICY_OPERATIONS, description="RandAugment's number of operations"
    )
    policy_magnitude: float = Field(
        0.3, ge=0, le=1, description="RandAugment's strength; TrivialAugment draws its own"
    )

    def scaled(self, strength: float) -> "AugmentConfig":
        """Returns the same changes at another strength, which a tuner searches over.

        Extents are multiplied and kept within their bounds. For a random crop the extents are the
        area left out and the logarithm of the aspect ratio. Flips, probabilities, the policy
        and its number of operations stay. TrivialAugment has nothing to scale.

        Args:
          strength: 0 turns every extent off, 1 changes nothing.

        Raises:
          ValueError: ``strength`` is negative.
        """
        if strength < 0:
            raise ValueError(f"strength is {strength}; it must be 0 or more")
        if strength == 1:
            return self
        values = self.model_dump()
        for name, largest in _LARGEST.items():
            values[name] = min(values[name] * strength, largest)
        left_out = (1 - self.crop_min_area_fraction) * strength
        values["crop_min_area_fraction"] = max(1 - left_out, _SMALLEST_CROP)
        ratio = min(self.crop_max_aspect_ratio**strength, _LARGEST_ASPECT_RATIO)
        values["crop_max_aspect_ratio"] = ratio
        return AugmentConfig(**values)


class MixConfig(BaseModel):
    """Settings of mixing pairs of training images; 0 turns a method off, of two a batch draws one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mixup_alpha: float = Field(
        0.0, ge=0, le=10, description="parameter of mixup's Beta distribution; 0: off"
    )
    cutmix_alpha: float = Field(
        0.0, ge=0, le=10, description="parameter of CutMix's Beta distribution; 0: off"
    )


class JoinConfig(BaseModel):
    """Settings of showing training images in one another, with their objects; 0 turns a way off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mosaic_probability: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of training images that show four of a batch, each smaller, in their quarters",
    )
    copy_paste_probability: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of training images into which the boxes of objects of another are pasted",
    )

    @property
    def is_on(self) -> bool:
        """Returns whether images are joined at all."""
        return bool(self.mosaic_probability or self.copy_paste_probability)
