"""Cuts a model at the end of a block into a frozen lower part and a trained upper part.

The parts share the model's layers, so training a part trains the model. A boundary is
a layer that all paths pass through, so its output is all that the upper part needs, beside the maps below
it that the head reads.

What the head reads, its features, are the embedding float32 [B, F], or a vector of the maps at several
strides and, last, the embedding, see :mod:`components.trainer.network.taps`.

Dimension letters: B batch, S side in pixels, h w C the boundary's map, F features.
"""

from typing import Any

import keras

from components.trainer.backbones import registry
from components.trainer.network import model, taps
from tasks.facets.training import Head


def boundary(backbone_name: str, unfreeze_blocks: int) -> str | None:
    """Names the layer below the unfrozen blocks; None if every block is unfrozen."""
    ends = registry.REGISTRY[backbone_name].block_ends
    return None if unfreeze_blocks >= len(ends) else ends[-unfreeze_blocks - 1]


def lower(classifier: keras.Model, backbone_name: str, boundary_layer: str) -> keras.Model:
    """Makes the model: pixels [B, S, S, 3] in 0–255 → boundary activations float32 [B, h, w, C].

    If the head reads maps below the boundary, it makes vectors of these and the activations.
    """
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    pixels = keras.Input(classifier.input.shape[1:], name="pixels")
    inputs = registry.REGISTRY[backbone_name].preprocess(pixels)
    kept = _kept(backbone, boundary_layer)
    below = keras.Model(backbone.input, [backbone.get_layer(name).output for name in kept])
    return keras.Model(pixels, taps.packed(taps.called(below, inputs)), name="lower")


def embedder(classifier: keras.Model, backbone_name: str) -> keras.Model:
    """Makes the model: pixels [B, S, S, 3] in 0–255 → features of the head, float32 [B, …]."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    pixels = keras.Input(classifier.input.shape[1:], name="pixels")
    *maps, last = taps.called(backbone, registry.REGISTRY[backbone_name].preprocess(pixels))
    embedding = classifier.get_layer(model.EMBEDDING_LAYER)(last)
    return keras.Model(pixels, taps.packed([*maps, embedding]), name="embedder")


def upper_embedder(classifier: keras.Model, boundary_layer: str) -> keras.Model:
    """Makes the model: what :func:`lower` makes → features of the head, float32 [B, …]."""
    inputs, maps, embedding = _above(classifier, boundary_layer)
    return keras.Model(inputs, taps.packed([*maps, embedding]), name="upper_embedder")


def upper(classifier: keras.Model, boundary_layer: str, own_head: Head) -> keras.Model:
    """Makes the model: what :func:`lower` makes → outputs float32 [B, …] of the task's head."""
    inputs, maps, embedding = _above(classifier, boundary_layer)
    features = taps.features(classifier.input.shape[1], maps, embedding)
    return keras.Model(inputs, own_head.reapply(classifier, features), name="upper")


def head(classifier: keras.Model, own_head: Head) -> keras.Model:
    """Makes the model: features float32 [B, …] → outputs float32 [B, …] of the task's head."""
    shapes = feature_shapes(classifier)
    inputs = taps.packed_input(shapes, "embedding")
    *maps, embedding = taps.unpacked(inputs, shapes)
    features = taps.features(classifier.input.shape[1], maps, embedding)
    return keras.Model(inputs, own_head.reapply(classifier, features), name="head")


def feature_shapes(classifier: keras.Model) -> list[taps.Shape]:
    """Returns the shapes of the maps that the head reads, if any, and last of the embedding."""
    named = {layer.name: layer for layer in classifier.layers}
    # A network outside the registry has no such layer, and a head that reads its embedding.
    backbone = named.get(model.BACKBONE_LAYER)
    maps = [tuple(output.shape[1:]) for output in (backbone.outputs[:-1] if backbone else [])]
    return [*maps, tuple(classifier.get_layer(model.EMBEDDING_LAYER).output.shape[1:])]


def lower_shapes(classifier: keras.Model, boundary_layer: str) -> list[taps.Shape]:
    """Returns the shapes of what :func:`lower` makes: maps below the boundary, if any, and its own."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    kept = _kept(backbone, boundary_layer)
    return [tuple(backbone.get_layer(name).output.shape[1:]) for name in kept]


def _kept(backbone: keras.Model, boundary_layer: str) -> list[str]:
    """Names the layers whose outputs the upper part needs: maps below the boundary, and last it."""
    order = [layer.name for layer in backbone.layers]
    place = order.index(boundary_layer)
    below = [name for name in taps.names(backbone) if order.index(name) < place]
    return [*below, boundary_layer]


def _above(classifier: keras.Model, boundary_layer: str) -> tuple[Any, list[Any], Any]:
    """Returns the input of the upper part, the maps that the head reads, and the embedding."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    shapes = lower_shapes(classifier, boundary_layer)
    inputs = taps.packed_input(shapes, "boundary")
    *below, start = taps.unpacked(inputs, shapes)
    tapped = taps.names(backbone)
    here = [start] if boundary_layer in tapped else []
    above = backbone.outputs[len(below) + len(here) :]
    # Keras copies the graph above an inner layer, and loses an output that is there twice.
    single = list({id(output): output for output in above}.values())
    upper_part = keras.Model(backbone.get_layer(boundary_layer).output, single)
    found = dict(zip(map(id, single), taps.called(upper_part, start), strict=True))
    *maps, last = (found[id(output)] for output in above)
    embedding = classifier.get_layer(model.EMBEDDING_LAYER)(last)
    return inputs, [*below, *here, *maps], embedding
