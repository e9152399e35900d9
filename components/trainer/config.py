"""Settings of training. Imports no TensorFlow: the command line reads them at once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from components.trainer.backbones import registry
from components.trainer.exports import config as export_config
from data.augment import augment_config
from tasks import retrieval_config

MAX_VIEWS = 1000


class CacheConfig(BaseModel):
    """Feature cache: the outputs of the frozen part of the backbone, stored on disk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    views: Literal["auto"] | int = Field(
        "auto",
        description="number of cached augmented views of each image; 0 turns the cache off and"
        " augments anew in every epoch",
    )
    max_gib: float = Field(10.0, gt=0, description="maximum size of the cache on disk, in GiB")

    @field_validator("views", mode="before")
    @classmethod
    def _is_auto_or_a_count(cls, value: object) -> object:
        if value == "auto" or (str(value).isdecimal() and int(str(value)) <= MAX_VIEWS):
            return value
        raise ValueError(f"auto, or a number from 0 to {MAX_VIEWS:,}, is allowed")


class TrainConfig(BaseModel):
    """Two-phase training: the head on the frozen backbone, then the top blocks at a low rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field(
        "efficientnet_lite0", description="name of the network that computes features of an image"
    )
    weights: str = Field(
        "imagenet",
        description="initial weights of the backbone: imagenet, random (trains from scratch), or a"
        " .weights.h5 file",
    )
    warm_start: bool = Field(
        True, description="start from the weights of the last blessed model, if there is one"
    )
    batch_size: int = Field(32, ge=1, description="images in a training step")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout rate before the output layer")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="label smoothing of the training loss"
    )
    windows: int = Field(
        1,
        ge=1,
        le=4,
        description="sides of the square that the served model sees, in sides of the trained one; above"
        " 1 it answers about overlapping windows of a larger image and about the whole",
    )
    balance: Literal["none", "weights", "sampling"] = Field(
        "none",
        description="balancing of rare classes: weights gives them a higher weight in the loss,"
        " sampling shows them more often",
    )
    mix: augment_config.MixConfig = Field(default_factory=augment_config.MixConfig)
    join: augment_config.JoinConfig = Field(default_factory=augment_config.JoinConfig)
    head_start: Literal["solved", "random"] = Field(
        "solved",
        description="training of phase 1: solved puts a head of one linear layer at its least loss with a"
        " penalty, without steps, unless images are mixed; random takes steps from random weights",
    )
    head_epochs: int = Field(
        20,
        ge=1,
        description="maximum number of epochs in phase 1, which trains the head, if it takes steps",
    )
    head_learning_rate: float = Field(
        1e-3, gt=0, description="highest learning rate of phase 1, which trains the head"
    )
    fine_tune_epochs: int = Field(
        6, ge=0, description="maximum number of epochs in phase 2, fine-tuning; 0 skips it"
    )
    fine_tune_learning_rate: float = Field(
        5e-4, gt=0, description="highest learning rate of phase 2, fine-tuning"
    )
    unfreeze_blocks: int = Field(
        5, ge=1, description="number of top blocks of the backbone that phase 2 trains"
    )
    scratch_epochs: int = Field(
        40, ge=1, description="maximum number of epochs of training from scratch"
    )
    scratch_learning_rate: float = Field(
        2e-3, gt=0, description="highest learning rate of training from scratch"
    )
    min_phase_steps: int = Field(
        0,
        ge=0,
        description="fewest steps in a phase: where there are few images, its number of epochs is"
        " raised until it has as many",
    )
    optimizer: Literal["adamw", "adam", "sgd"] = Field(
        "adamw", description="optimizer of all phases"
    )
    schedule: Literal["cosine", "plateau", "constant"] = Field(
        "cosine",
        description="course of the learning rate: cosine decay after a warm-up, halved on plateaus"
        " of the eval loss, or constant",
    )
    warm_up_fraction: float = Field(
        0.1, ge=0, lt=1, description="share of the steps of a phase in which the rate warms up"
    )
    weight_decay: float = Field(
        0.0, ge=0, description="weight decay of AdamW, applied to kernels but not to biases"
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="factor of the learning rate from each block to the block below it",
    )
    clip_norm: float = Field(
        1.0, ge=0, description="norm to which gradients are clipped; 0 turns clipping off"
    )
    averaging_epochs: float = Field(
        0.0, ge=0, description="horizon of the moving average of weights, in epochs; 0: no average"
    )
    early_stopping_patience: int = Field(
        5,
        ge=0,
        description="epochs without a lower eval loss, or for boxes a higher eval mAP, before training"
        " stops; 0 never stops",
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="weights to keep: of the lowest eval loss, or for boxes the highest eval mAP, or of"
        " the last epoch",
    )
    calibrate: bool = Field(
        True,
        description="calibrate probabilities on the eval split by temperature scaling; their order"
        " stays the same",
    )
    min_precision: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="where an image may have several labels: least precision on the eval split at"
        " the threshold of each label, which then has the highest recall; none: the threshold of the"
        " highest F1",
    )
    nms_iou: float = Field(
        0.6,
        gt=0,
        le=1,
        description="where objects have boxes: largest IoU at which two boxes of one class are both"
        " kept, else the better one is (non-maximum suppression)",
    )
    peaks_only: bool = Field(
        False,
        description="where objects have boxes: only cells whose score no neighbour exceeds give boxes,"
        " which is smaller and quicker, but loses objects whose centres lie close",
    )
    retrieval: retrieval_config.RetrievalConfig = Field(
        default_factory=retrieval_config.RetrievalConfig
    )
    outlier_coverage: float = Field(
        0.95,
        gt=0,
        le=1,
        description="share of images like those of the eval split that are not called outliers;"
        " 1: no image is called an outlier",
    )
    cache: CacheConfig = Field(default_factory=CacheConfig)
    exports: export_config.ExportConfig = Field(default_factory=export_config.ExportConfig)
    mixed_precision: Literal["auto", "off", "float16", "bfloat16"] = Field(
        "auto",
        description="type of mixed-precision training; auto: the type that the GPU computes"
        " fastest, off on a CPU",
    )
    xla: Literal["auto", "on", "off"] = Field(
        "auto", description="compilation of training steps by XLA; auto: on a GPU only"
    )
    checkpoint_interval_s: float = Field(
        30.0,
        ge=0,
        description="seconds between checkpoints: the most work that a killed training loses",
    )

    @field_validator("backbone")
    @classmethod
    def _is_registered(cls, value: str) -> str:
        if value not in registry.REGISTRY:
            raise ValueError(f"unknown backbone {value!r}; known: {', '.join(registry.REGISTRY)}")
        return value

    @model_validator(mode="after")
    def _caches_what_is_frozen(self) -> "TrainConfig":
        if self.from_scratch and self.cache.views not in ("auto", 0):
            raise ValueError(
                "cache.views caches what a frozen backbone computes, and with weights random"
                " nothing is frozen; give cache.views 0 or auto"
            )
        return self

    @model_validator(mode="after")
    def _joins_pixels(self) -> "TrainConfig":
        if self.join.is_on and self.cache.views not in ("auto", 0):
            raise ValueError(
                "join.mosaic_probability and join.copy_paste_probability join pixels anew in every"
                " epoch, and cache.views keeps features of single images; give cache.views 0 or auto"
            )
        return self

    @model_validator(mode="after")
    def _exports_what_it_trains(self) -> "TrainConfig":
        if self.windows > 1 and self.exports.formats:
            raise ValueError(
                f"exports.formats {self.exports.formats} take the square that a model is trained on; give"
                " windows 1, or no formats"
            )
        return self

    @property
    def from_scratch(self) -> bool:
        """Returns whether all layers train at once because no weights are transferred."""
        return self.weights == "random"
