"""The classifier: pixels → logits, with the backbone's own preprocessing inside.

Dimension letters: B batch, S side in pixels, F features, K classes.
"""

import keras
from keras import layers

from components.trainer import config as train_config
from components.trainer.backbones import registry

BACKBONE_LAYER = "backbone"
EMBEDDING_LAYER = "embedding"
LOGITS_LAYER = "logits"


def build(config: train_config.TrainConfig, size_px: int, class_count: int) -> keras.Model:
    """Builds the classifier with a frozen backbone.

    Args:
      config: the backbone, its weights and the dropout.
      size_px: the side S.
      class_count: K.

    Returns:
      A model from pixels [B, S, S, 3], uint8 or float32 in 0–255, to logits float32 [B, K].

    Raises:
      errors.ConfigError: the weights cannot be had.
    """
    entry = registry.REGISTRY[config.backbone]
    backbone = registry.build(config.backbone, size_px, config.weights)
    backbone.name = BACKBONE_LAYER
    freeze(backbone)
    pixels = keras.Input((size_px, size_px, 3), name="pixels")
    inputs = layers.Rescaling(entry.scale, entry.offset, name="preprocessing")(pixels)
    features = backbone(inputs)
    embedding = layers.GlobalAveragePooling2D(name=EMBEDDING_LAYER)(features)
    kept = layers.Dropout(config.dropout, name="dropout")(embedding)
    logits = layers.Dense(class_count, dtype="float32", name=LOGITS_LAYER)(kept)
    return keras.Model(pixels, logits, name="classifier")


def freeze(backbone: keras.Model) -> None:
    """Makes no weight of the backbone trainable and puts it in inference mode."""
    for layer in backbone.layers:
        layer.trainable = False


def unfreeze_top(backbone: keras.Model, block_ends: tuple[str, ...], blocks: int) -> list[str]:
    """Makes the top blocks trainable, their BatchNorm excepted.

    A BatchNormalization with ``trainable = False`` normalises by its moving statistics whatever
    the ``training`` argument says. Calling the backbone with ``training=False`` is not enough:
    in Keras 3, ``fit`` overrides it within a functional model, and the statistics drift.

    Args:
      backbone: as built by the registry.
      block_ends: the last layer of each block, from the bottom up.
      blocks: how many blocks from the top; more than there are unfreezes all.

    Returns:
      The names of the layers that train now, from the bottom up.
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
