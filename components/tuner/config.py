"""The settings of tuning. Imports no TensorFlow: the command line reads them at once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from components.trainer import config as train_config

# What changes the head alone, and can be tried on cached features.
OF_THE_HEAD = ("head_learning_rate", "dropout", "label_smoothing", "augment_strength")
OF_FINE_TUNING = ("fine_tune_learning_rate", "layer_decay", "unfreeze_blocks")
FROM_SCRATCH = ("scratch_learning_rate", "dropout", "label_smoothing", "augment_strength")
# These have a choice of values, all others the lowest and the highest.
CHOICES = ("label_smoothing", "augment_strength", "unfreeze_blocks")


class TuneConfig(BaseModel):
    """The search for better settings before training; what it finds overrides train and augment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: int = Field(0, ge=0, le=10_000, description="settings tried at most; 0: no search")
    method: Literal["random", "bayesian", "hyperband"] = Field(
        "bayesian", description="how the next settings are chosen"
    )
    what: Literal["head", "all"] = Field(
        "head", description="head: phase 1 on cached features, in seconds; all: both phases"
    )
    views: int = Field(
        2, ge=1, le=100, description="views of an image in trials of the head, the first unchanged"
    )
    head_learning_rate: list[float] = Field(
        [2e-4, 2e-2], min_length=2, max_length=2, description="of phase 1: the lowest, the highest"
    )
    dropout: list[float] = Field(
        [0.0, 0.5], min_length=2, max_length=2, description="before the last layer, likewise"
    )
    label_smoothing: list[float] = Field(
        [0.0, 0.1], min_length=1, description="choices; a single one fixes it"
    )
    augment_strength: list[float] = Field(
        [0.5, 1.0, 1.5], min_length=1, description="choices: factors of the extents of augmentation"
    )
    fine_tune_learning_rate: list[float] = Field(
        [1e-4, 2e-3],
        min_length=2,
        max_length=2,
        description="where all is searched: the lowest, the highest",
    )
    layer_decay: list[float] = Field([0.7, 1.0], min_length=2, max_length=2, description="likewise")
    unfreeze_blocks: list[int] = Field(
        [2, 5, 8], min_length=1, description="where all is searched: choices"
    )
    scratch_learning_rate: list[float] = Field(
        [5e-4, 1e-2], min_length=2, max_length=2, description="likewise, where weights are random"
    )

    @field_validator(*sorted({*OF_THE_HEAD, *OF_FINE_TUNING, *FROM_SCRATCH} - {"augment_strength"}))
    @classmethod
    def _is_a_setting(cls, value: list[float], info: ValidationInfo) -> list[float]:
        for one in value:
            try:
                train_config.TrainConfig.model_validate({info.field_name: one})
            except ValidationError as error:
                message = error.errors()[0]["msg"]
                raise ValueError(f"{message[:1].lower()}{message[1:]}, not {one:g}") from error
        if info.field_name not in CHOICES and value[0] > value[1]:
            raise ValueError(f"the lowest, {value[0]:g}, lies above the highest, {value[1]:g}")
        return value

    @field_validator("augment_strength")
    @classmethod
    def _is_a_strength(cls, value: list[float]) -> list[float]:
        if min(value) < 0 or max(value) > 10:
            raise ValueError("each must be from 0 to 10")
        return value

    def searched(self, train: train_config.TrainConfig) -> tuple[str, ...]:
        """The names of what is searched: fields of TrainConfig, and ``augment_strength``.

        Args:
          train: the settings that the search starts from.
        """
        if train.from_scratch:
            return FROM_SCRATCH
        if self.what == "head" or train.fine_tune_epochs == 0:
            return OF_THE_HEAD
        return OF_THE_HEAD + OF_FINE_TUNING

    def check(self, train: train_config.TrainConfig) -> None:
        """Holds the search against the settings that it starts from.

        Raises:
          ValueError: they do not go together.
        """
        if self.trials and train.from_scratch and self.what == "head":
            raise ValueError(
                "tune.what head tries heads on a frozen backbone, and with train.weights random"
                " nothing is frozen; give tune.what all"
            )
