"""The settings of training. Imports no TensorFlow: the command line reads them at once."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from components.trainer.backbones import names


class TrainConfig(BaseModel):
    """The two phases: the head on the frozen backbone, then the top blocks at a low rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field("efficientnet_lite0", description="a name of the registry")
    weights: str = Field("imagenet", description="imagenet, random, or a .weights.h5 file")
    batch_size: int = Field(32, ge=1, description="images a step")
    dropout: float = Field(0.2, ge=0, lt=1, description="before the classification layer")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="of the training loss")
    head_epochs: int = Field(12, ge=1, description="at most, in phase 1")
    head_learning_rate: float = Field(1e-3, gt=0, description="of phase 1")
    fine_tune_epochs: int = Field(6, ge=0, description="at most, in phase 2; 0 skips it")
    fine_tune_learning_rate: float = Field(1e-4, gt=0, description="at the start of phase 2")
    unfreeze_blocks: int = Field(5, ge=1, description="top blocks trained in phase 2")
    early_stopping_patience: int = Field(3, ge=1, description="epochs without a better eval loss")

    @field_validator("backbone")
    @classmethod
    def _is_registered(cls, value: str) -> str:
        if value not in names.BACKBONES:
            raise ValueError(f"unknown backbone {value!r}; known: {', '.join(names.BACKBONES)}")
        return value
