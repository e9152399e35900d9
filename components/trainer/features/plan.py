"""Chooses how many augmented views of an image are cached."""

import enum
from dataclasses import dataclass

from components.trainer import config as train_config
from components.trainer.features import budget
from data.augment import augment, augment_config

MIN_VIEWS = 2


class Cause(enum.Enum):
    """Cause of the number of views."""

    TURNED_OFF = enum.auto()
    NOTHING_FROZEN = enum.auto()
    AUGMENTED_IN_MODEL = enum.auto()
    JOINED = enum.auto()
    NO_AUGMENTATION = enum.auto()
    SETTING = enum.auto()
    GPU = enum.auto()
    NO_ROOM = enum.auto()
    IMAGES = enum.auto()


@dataclass(frozen=True)
class Plan:
    """Decision on the cache.

    Attributes:
      views: number of cached views of an image; 0 for no cache.
      cause: the cause of the decision.
      reason: the reason in one sentence, for the history of the training.
    """

    views: int
    cause: Cause
    reason: str


def choose(
    config: train_config.TrainConfig,
    changes: augment_config.AugmentConfig,
    *,
    image_count: int,
    other_count: int,
    view_bytes: int,
    available_bytes: int,
    on_gpu: bool,
    most_views: int,
    viewed_images: int,
) -> Plan:
    """Chooses the number of views.

    Args:
      config: the settings of training.
      changes: the settings of augmentation.
      image_count: number of training images.
      other_count: number of images of other splits, of which one view is kept.
      view_bytes: size on disk of one view of one image.
      available_bytes: space that the cache may take.
      on_gpu: whether there is a GPU.
      most_views: number of views from which on more do not pay off, see tasks.facets.training.Head.
      viewed_images: views × images that are worth their time, see there.
    """
    views = config.cache.views
    if views == 0:
        return Plan(0, Cause.TURNED_OFF, "no feature cache: cache.views is 0")
    if config.from_scratch:
        return Plan(
            0, Cause.NOTHING_FROZEN, "no feature cache: all layers are trained, nothing is frozen"
        )
    if changes.where == "model":
        return Plan(0, Cause.AUGMENTED_IN_MODEL, "no feature cache: augmentation is in the model")
    if config.join.is_on:
        return Plan(
            0, Cause.JOINED, "no feature cache: mosaic or copy-paste joins images in every epoch"
        )
    if augment.is_identity(changes):
        return Plan(
            1, Cause.NO_AUGMENTATION, "1 view: there is no augmentation, so all views are the same"
        )
    if views != "auto":
        return Plan(int(views), Cause.SETTING, f"{views} views: set by cache.views")
    if on_gpu:
        return Plan(
            0,
            Cause.GPU,
            "no feature cache: on a GPU fresh augmentation in every epoch costs little",
        )
    wanted = min(most_views, max(MIN_VIEWS, viewed_images // max(1, image_count)))
    affordable = (available_bytes // max(1, view_bytes) - other_count) // max(1, image_count)
    if affordable < MIN_VIEWS:
        size = budget.gib(view_bytes * (image_count * MIN_VIEWS + other_count))
        return Plan(
            0,
            Cause.NO_ROOM,
            f"no feature cache: {MIN_VIEWS} views of {image_count:,} images take {size};"
            f" {budget.gib(available_bytes)} are allowed",
        )
    chosen = min(wanted, affordable)
    return Plan(chosen, Cause.IMAGES, f"{chosen} views of {image_count:,} images, on a CPU")
