"""The settings of training. Imports no TensorFlow: the command line reads them at once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from components.trainer.backbones import names
from components.trainer.exports import config as export_config
from data.augment import augment_config

MAX_VIEWS = 1000


class CacheConfig(BaseModel):
    """The feature cache: what the frozen part of the backbone computes, kept on disk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    views: Literal["auto"] | int = Field(
        "auto", description="augmented views an image; 0: no cache, fresh changes every epoch"
    )
    max_gib: float = Field(10.0, gt=0, description="the most that the cache takes on disk, in GiB")

    @field_validator("views", mode="before")
    @classmethod
    def _is_auto_or_a_count(cls, value: object) -> object:
        if value == "auto" or (str(value).isdecimal() and int(str(value)) <= MAX_VIEWS):
            return value
        raise ValueError(f"auto, or a number from 0 to {MAX_VIEWS:,}, is allowed")


class TrainConfig(BaseModel):
    """The two phases: the head on the frozen backbone, then the top blocks at a low rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field("efficientnet_lite0", description="a name of the registry")
    weights: str = Field("imagenet", description="imagenet, random, or a .weights.h5 file")
    warm_start: bool = Field(True, description="start from the last blessed model, where one is")
    batch_size: int = Field(32, ge=1, description="images a step")
    dropout: float = Field(0.2, ge=0, lt=1, description="before the classification layer")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="of the training loss")
    balance: Literal["none", "weights", "sampling"] = Field(
        "none", description="rare classes weigh more in the loss, or are shown more often"
    )
    mix: augment_config.MixConfig = Field(default_factory=augment_config.MixConfig)
    head_epochs: int = Field(20, ge=1, description="at most, in phase 1")
    head_learning_rate: float = Field(1e-3, gt=0, description="of phase 1")
    fine_tune_epochs: int = Field(6, ge=0, description="at most, in phase 2; 0 skips it")
    fine_tune_learning_rate: float = Field(5e-4, gt=0, description="the highest of phase 2")
    unfreeze_blocks: int = Field(5, ge=1, description="top blocks trained in phase 2")
    scratch_epochs: int = Field(40, ge=1, description="at most, where weights are random")
    scratch_learning_rate: float = Field(2e-3, gt=0, description="the highest of those")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="of all phases")
    schedule: Literal["cosine", "plateau", "constant"] = Field(
        "cosine", description="the rate: warm-up and cosine, halved on plateaus, or as it is"
    )
    warm_up_fraction: float = Field(0.1, ge=0, lt=1, description="of the steps of a phase")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's, of kernels, not of biases")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="factor of the rate from each block to the one below"
    )
    clip_norm: float = Field(1.0, ge=0, description="largest norm of a gradient; 0: any")
    averaging_epochs: float = Field(
        0.0, ge=0, description="horizon of the moving average of weights, in epochs; 0: none"
    )
    early_stopping_patience: int = Field(
        5, ge=0, description="epochs without a better eval loss; 0 never stops"
    )
    keep: Literal["best", "last"] = Field(
        "best", description="the weights kept: lowest eval loss, or those of the last epoch"
    )
    calibrate: bool = Field(
        True, description="fit on eval how sure the model says it is; labels stay the same"
    )
    outlier_coverage: float = Field(
        0.95,
        gt=0,
        le=1,
        description="share of images like those of eval that are no outliers; 1: all, of any kind",
    )
    cache: CacheConfig = Field(default_factory=CacheConfig)
    exports: export_config.ExportConfig = Field(default_factory=export_config.ExportConfig)
    mixed_precision: Literal["auto", "off", "float16", "bfloat16"] = Field(
        "auto", description="auto: what the GPU is fast at; off on a CPU"
    )
    xla: Literal["auto", "on", "off"] = Field("auto", description="auto: on a GPU only")
    checkpoint_interval_s: float = Field(
        30.0, ge=0, description="at most this much work is lost when training is killed, in seconds"
    )

    @field_validator("backbone")
    @classmethod
    def _is_registered(cls, value: str) -> str:
        if value not in names.BACKBONES:
            raise ValueError(f"unknown backbone {value!r}; known: {', '.join(names.BACKBONES)}")
        return value

    @model_validator(mode="after")
    def _caches_what_is_frozen(self) -> "TrainConfig":
        if self.from_scratch and self.cache.views not in ("auto", 0):
            raise ValueError(
                "cache.views caches what a frozen backbone computes, and with weights random"
                " nothing is frozen; give cache.views 0 or auto"
            )
        return self

    @property
    def from_scratch(self) -> bool:
        """Whether everything is trained at once: there is nothing to transfer."""
        return self.weights == "random"
