"""The settings of augmentation and mixing. Imports no TensorFlow: the command line reads them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_POLICY_OPERATIONS = 4

# Field → its largest value; what is said to lie below 1 is kept a little below it.
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
    """How far a training image may be changed; 0 turns a change off, and so does a crop of 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Literal["data", "model"] = Field(
        "data", description="in tf.data beside the training step, or in the model, on its device"
    )
    horizontal_flip: bool = Field(True, description="mirror half of the images left to right")
    vertical_flip: bool = Field(False, description="turn half of the images upside down")
    rotation_degrees: float = Field(10.0, ge=0, le=180, description="largest turn either way")
    zoom_fraction: float = Field(0.15, ge=0, lt=1, description="largest zoom in or out")
    translation_fraction: float = Field(0.08, ge=0, lt=1, description="largest shift, of the side")
    brightness_fraction: float = Field(0.15, ge=0, lt=1, description="largest change of brightness")
    contrast_fraction: float = Field(0.15, ge=0, lt=1, description="largest change of contrast")
    saturation_fraction: float = Field(0.0, ge=0, lt=1, description="largest change of colour")
    crop_min_area_fraction: float = Field(
        1.0, ge=_SMALLEST_CROP, le=1, description="smallest area of a random resized crop; 1: none"
    )
    crop_max_aspect_ratio: float = Field(
        4 / 3, ge=1, le=_LARGEST_ASPECT_RATIO, description="of a random crop, either way"
    )
    erase_probability: float = Field(
        0.0, ge=0, le=1, description="share of the images in which a rectangle is erased"
    )
    erase_area_fraction: float = Field(
        0.33, ge=0, lt=1, description="largest area of what is erased, of the image"
    )
    policy: Literal["none", "randaugment", "trivialaugment"] = Field(
        "none", description="operations drawn from a list of 14, on top of the changes above"
    )
    policy_operations: int = Field(
        2, ge=1, le=MAX_POLICY_OPERATIONS, description="RandAugment's number of operations"
    )
    policy_magnitude: float = Field(
        0.3, ge=0, le=1, description="RandAugment's strength; TrivialAugment draws its own"
    )

    def scaled(self, strength: float) -> "AugmentConfig":
        """The same changes, further or less far: what a tuner turns.

        Extents are multiplied and kept within their bounds. For a random crop that is the area
        it may leave out and the logarithm of its aspect ratio. Flips, probabilities, the policy
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
    """How pairs of training images are mixed; 0 turns a way off, both are drawn in turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mixup_alpha: float = Field(0.0, ge=0, le=10, description="of mixup's Beta distribution")
    cutmix_alpha: float = Field(0.0, ge=0, le=10, description="of CutMix' Beta distribution")
