"""Settings of tuning. Imports no TensorFlow: the command line reads them at once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from components.trainer import config as train_config

# Settings that affect the head only, and can be tried on cached features.
OF_THE_HEAD = ("head_learning_rate", "dropout", "label_smoothing", "augment_strength")
OF_FINE_TUNING = ("fine_tune_learning_rate", "layer_decay", "unfreeze_blocks")
FROM_SCRATCH = ("scratch_learning_rate", "dropout", "label_smoothing", "augment_strength")
# These have a list of values, all others a lowest and a highest value.
CHOICES = ("label_smoothing", "augment_strength", "unfreeze_blocks")


class TuneConfig(BaseModel):
    """Search for better settings before training; its result overrides train and augment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: int = Field(0, ge=0, le=10_000, description="maximum number of trials; 0: no search")
    method: Literal["random", "bayesian", "hyperband"] = Field(
        "bayesian", description="method by which the tuner chooses the next settings to try"
    )
    what: Literal["head", "all"] = Field(
        "head",
        description="training in a trial: head runs phase 1 on cached features and takes seconds,"
        " all runs both phases",
    )
    views: int = Field(
        2,
        ge=1,
        le=100,
        description="views of each image in trials of the head, the first without augmentation",
    )
    head_learning_rate: list[float] = Field(
        [2e-4, 2e-2],
        min_length=2,
        max_length=2,
        description="search range of the learning rate of phase 1: lowest, highest",
    )
    dropout: list[float] = Field(
        [0.0, 0.5],
        min_length=2,
        max_length=2,
        description="search range of the dropout rate before the last layer: lowest, highest",
    )
    label_smoothing: list[float] = Field(
        [0.0, 0.1],
        min_length=1,
        description="values of label smoothing to try; a single one fixes it",
    )
    augment_strength: list[float] = Field(
        [0.5, 1.0, 1.5],
        min_length=1,
        description="factors of the strength of augmentation to try; a single one fixes it",
    )
    fine_tune_learning_rate: list[float] = Field(
        [1e-4, 2e-3],
        min_length=2,
        max_length=2,
        description="search range of the learning rate of phase 2, with tune.what all: lowest,"
        " highest",
    )
    layer_decay: list[float] = Field(
        [0.7, 1.0],
        min_length=2,
        max_length=2,
        description="search range of the factor of the learning rate from block to block, with"
        " tune.what all: lowest, highest",
    )
    unfreeze_blocks: list[int] = Field(
        [2, 5, 8],
        min_length=1,
        description="numbers of unfrozen top blocks to try, with tune.what all",
    )
    scratch_learning_rate: list[float] = Field(
        [5e-4, 1e-2],
        min_length=2,
        max_length=2,
        description="search range of the learning rate from scratch, with train.weights random:"
        " lowest, highest",
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
            raise ValueError(f"the lowest, {value[0]:g}, is above the highest, {value[1]:g}")
        return value

    @field_validator("augment_strength")
    @classmethod
    def _is_a_strength(cls, value: list[float]) -> list[float]:
        if min(value) < 0 or max(value) > 10:
            raise ValueError("each must be from 0 to 10")
        return value

    def searched(self, train: train_config.TrainConfig) -> tuple[str, ...]:
        """Names the settings to search: fields of TrainConfig, and ``augment_strength``.

        Args:
          train: the settings that the search starts from.
        """
        if train.from_scratch:
            return FROM_SCRATCH
        if self.what == "head" or train.fine_tune_epochs == 0:
            return OF_THE_HEAD
        return OF_THE_HEAD + OF_FINE_TUNING

    def check(self, train: train_config.TrainConfig) -> None:
        """Checks that the search fits the settings that it starts from.

        Raises:
          ValueError: the two contradict each other.
        """
        if self.trials and train.from_scratch and self.what == "head":
            raise ValueError(
                "tune.what head tries heads on a frozen backbone, and with train.weights random"
                " nothing is frozen; give tune.what all"
            )
