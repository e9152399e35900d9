"""Cuts a model at the end of a block into a frozen lower part and a trained upper part.

The parts share the model's layers, so training a part trains the model. A boundary is
a layer that all paths pass through, so its output is all that the upper part needs.

Dimension letters: B batch, S side in pixels, h w C the boundary's map, F features.
"""

import keras

from components.trainer.backbones import registry
from components.trainer.network import model
from tasks.facets.training import Head


def boundary(backbone_name: str, unfreeze_blocks: int) -> str | None:
    """Names the layer below the unfrozen blocks; None if every block is unfrozen."""
    ends = registry.REGISTRY[backbone_name].block_ends
    return None if unfreeze_blocks >= len(ends) else ends[-unfreeze_blocks - 1]


def lower(classifier: keras.Model, backbone_name: str, boundary_layer: str) -> keras.Model:
    """Makes the model: pixels [B, S, S, 3] in 0–255 → boundary activations float32 [B, h, w, C]."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    pixels = keras.Input(classifier.input.shape[1:], name="pixels")
    inputs = registry.REGISTRY[backbone_name].preprocess(pixels)
    below = keras.Model(backbone.input, backbone.get_layer(boundary_layer).output)
    return keras.Model(pixels, below(inputs), name="lower")


def embedder(classifier: keras.Model, backbone_name: str) -> keras.Model:
    """Makes the model: pixels [B, S, S, 3] in 0–255 → embedding float32 [B, F]."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    pixels = keras.Input(classifier.input.shape[1:], name="pixels")
    features = backbone(registry.REGISTRY[backbone_name].preprocess(pixels))
    embedding = classifier.get_layer(model.EMBEDDING_LAYER)(features)
    return keras.Model(pixels, embedding, name="embedder")


def upper_embedder(classifier: keras.Model, boundary_layer: str) -> keras.Model:
    """Makes the model: boundary activations float32 [B, h, w, C] → embedding float32 [B, F]."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    start = backbone.get_layer(boundary_layer).output
    inputs = keras.Input(start.shape[1:], name="boundary")
    features = keras.Model(start, backbone.output)(inputs)
    embedding = classifier.get_layer(model.EMBEDDING_LAYER)(features)
    return keras.Model(inputs, embedding, name="upper_embedder")


def upper(classifier: keras.Model, boundary_layer: str, own_head: Head) -> keras.Model:
    """Makes the model: boundary activations float32 [B, h, w, C] → outputs float32 [B, …]."""
    above = upper_embedder(classifier, boundary_layer)
    outputs = own_head.reapply(classifier, {"pooled": above.output})
    return keras.Model(above.input, outputs, name="upper")


def head(classifier: keras.Model, own_head: Head) -> keras.Model:
    """Makes the model: embedding float32 [B, F] → outputs float32 [B, …] of the task's head."""
    shape = classifier.get_layer(model.EMBEDDING_LAYER).output.shape[1:]
    inputs = keras.Input(shape, name="embedding")
    outputs = own_head.reapply(classifier, {"pooled": inputs})
    return keras.Model(inputs, outputs, name="head")
