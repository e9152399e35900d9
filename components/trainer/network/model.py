"""Builds the model, pixels → outputs of the task's head, with the backbone's preprocessing inside.

Dimension letters: B batch, S side in pixels, F features.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer.backbones import registry
from components.trainer.network import augment_layer, taps
from data import errors
from data.augment import augment_config
from tasks import task
from tasks.facets.training import Head

BACKBONE_LAYER = "backbone"
EMBEDDING_LAYER = "embedding"


def build(
    config: train_config.TrainConfig,
    spec: materialise.Spec,
    changes: augment_config.AugmentConfig | None = None,
    seed: int = 0,
) -> keras.Model:
    """Builds the model with a frozen backbone.

    Args:
      config: the backbone, its weights and the dropout.
      spec: the side S, the label map and the task.
      changes: augmentation inside the model, active in training only; None: no augmentation.
      seed: seed of that augmentation.

    Returns:
      A model from pixels [B, S, S, 3], uint8 or float32 in 0–255, to outputs float32 [B, …] of the
      task's head.

    Raises:
      errors.ConfigError: the weights are not available.
    """
    entry = registry.REGISTRY[config.backbone]
    size_px, head = spec.size_px, task.load(spec.task).head
    backbone = registry.build(config.backbone, size_px, config.weights)
    backbone.name = BACKBONE_LAYER
    if "maps" in head.taps:
        backbone = taps.tapped(backbone, entry.block_ends, size_px, head.strides)
    freeze(backbone)
    pixels = keras.Input((size_px, size_px, 3), name="pixels")
    changed = pixels
    if changes is not None:
        changed = augment_layer.Augmentation(changes.model_dump(mode="json"), seed)(pixels)
    inputs = entry.preprocess(changed)
    *maps, last = taps.called(backbone, inputs)
    embedding = layers.GlobalAveragePooling2D(name=EMBEDDING_LAYER)(last)
    offered = taps.features(size_px, maps, embedding)
    _check_taps(offered, head, config.backbone, size_px)
    features = {tap: offered[tap] for tap in head.taps}
    outputs = head.build(features, len(spec.labels), config.dropout)
    return keras.Model(pixels, outputs, name="classifier")


def _check_taps(offered: Mapping[str, Any], head: Head, backbone: str, size_px: int) -> None:
    """Refuses a backbone that lacks maps which the head cannot do without.

    Raises:
      errors.ConfigError: it names the strides that there are.
    """
    if "maps" not in head.taps:
        return
    strides = sorted(offered.get("maps", {}))
    if not strides or not set(head.needed_strides) <= set(strides):
        has = ", ".join(map(str, strides)) or "none"
        needed = ", ".join(map(str, head.needed_strides)) or "any"
        raise errors.ConfigError(
            f"--train.backbone {backbone} at {size_px} px has maps at these strides that the task"
            f" reads: {has}; needed: {needed}. Choose a backbone that goes down to stride 32, such as"
            " efficientnet_lite0."
        )


def without_augmentation(
    classifier: keras.Model, config: train_config.TrainConfig, spec: materialise.Spec
) -> keras.Model:
    """Returns the model that is stored and served: in float32, without augmentation."""
    untrained = config.model_copy(update={"weights": "random"})
    plain = build(untrained, spec)
    plain.set_weights(classifier.get_weights())
    return plain


def freeze(backbone: keras.Model) -> None:
    """Makes the backbone's weights untrainable and puts it in inference mode."""
    for layer in backbone.layers:
        layer.trainable = False


def unfreeze_all(backbone: keras.Model) -> None:
    """Makes every weight trainable; BatchNorm normalises by the batch and learns its statistics."""
    for layer in backbone.layers:
        layer.trainable = True


def blocks_above(
    backbone: keras.Model, block_ends: tuple[str, ...], blocks: int
) -> list[list[str]]:
    """Lists the layers of the top blocks by name, one list for each block, from the top down."""
    order = [layer.name for layer in backbone.layers]
    ends = [order.index(name) for name in block_ends]
    starts = [0, *(end + 1 for end in ends[:-1])]
    spans = list(zip(starts, ends, strict=True))[-blocks:]
    return [order[start : end + 1] for start, end in reversed(spans)]


def unfreeze_top(backbone: keras.Model, block_ends: tuple[str, ...], blocks: int) -> list[str]:
    """Makes the top blocks trainable, except for their BatchNorm.

    A BatchNormalization with ``trainable = False`` normalises by its moving statistics whatever
    the ``training`` argument is. Calling the backbone with ``training=False`` is not enough:
    in Keras 3, ``fit`` overrides it within a functional model, and the statistics drift.

    Args:
      backbone: as built by the registry.
      block_ends: the last layer of each block, from the bottom up.
      blocks: number of blocks from the top; a larger number than there are unfreezes all.

    Returns:
      The names of the layers that train, from the bottom up.
    """
    freeze(backbone)
    order = [layer.name for layer in backbone.layers]
    first = 0 if blocks >= len(block_ends) else order.index(block_ends[-blocks - 1]) + 1
    trained = []
    for layer in backbone.layers[first:]:
        if not isinstance(layer, layers.BatchNormalization):
            layer.trainable = True
            if layer.weights:
                trained.append(layer.name)
    return trained
