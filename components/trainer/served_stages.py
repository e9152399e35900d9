"""The stages of ``serving_default`` as functions of their own inside a SavedModel.

A server that runs the network in another runtime calls them around it: pixels, network, answer. They are not
signatures, so that no client sees them. Dimension letters: B batch, H, W height and width, S side in pixels,
F features.
"""

from typing import Any, Protocol

import keras
import tensorflow as tf

from components.preprocess import materialise
from components.trainer.network import model
from data.graph import decoding, plain_decoding
from tasks.facets.serving import Pictures

PIXELS, PLAIN_PIXELS, ANSWER = "stage_pixels", "stage_plain_pixels", "stage_answer"
COLOURS, DECODED, RESIZED = "stage_colours", "stage_decoded", "stage_resized"


class WithPixels(Protocol):
    """What decodes images; see ``served_model.ServedModel``."""

    spec: materialise.Spec

    def decoded(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Pictures]:
        """Decodes images string [B]."""


class Staged(WithPixels, Protocol):
    """The exported model; see ``served_model.ServedModel``."""

    def pictures(self, sizes: tf.Tensor) -> Pictures:
        """Returns what answers about places need of sizes int32 [B, 2]."""

    def answer(
        self, embedding: tf.Tensor, outputs: tf.Tensor, refused: tf.Tensor, pictures: Pictures
    ) -> dict[str, tf.Tensor]:
        """Computes the outputs of ``serving_default`` from those of the network."""


def of(served: Staged, classifier: keras.Model) -> dict[str, Any]:
    """Makes the functions by name.

    Those of :func:`of_pixels`, and ``stage_answer``: ``embedding`` float32 [B, F] and ``outputs`` float32 [B, …]
    of the network, ``refused`` and ``sizes`` → the outputs of ``serving_default``.

    Args:
      served: the exported object.
      classifier: its network, for the shapes.
    """
    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *embedding.shape[1:]], tf.float32, name="embedding"),
            tf.TensorSpec([None, *classifier.output.shape[1:]], tf.float32, name="outputs"),
            tf.TensorSpec([None], tf.string, name="refused"),
            tf.TensorSpec([None, 2], tf.int32, name="sizes"),
        ],
        autograph=False,
    )
    def answer(
        embedding: tf.Tensor, outputs: tf.Tensor, refused: tf.Tensor, sizes: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return served.answer(embedding, outputs, refused, served.pictures(sizes))

    return {**of_pixels(served), ANSWER: answer}


def of_pixels(served: WithPixels) -> dict[str, Any]:
    """Makes the functions from images to pixels, by name.

    * ``stage_pixels``: images string [B] → ``pixels`` uint8 [B, S, S, 3], ``refused`` string [B] and
      ``sizes`` int32 [B, 2].
    * ``stage_plain_pixels``: the same without ``refused``, for plain images only, see
      :mod:`data.graph.plain_decoding`.
    * ``stage_colours``: an image, string [] → what its colour profile does: ``rows`` int32 [3, 256, 3],
      ``offset`` int32 [] and ``levels`` uint8 [16385], and ``outcome`` int32 [], see
      :func:`data.graph.icc_conversion.conversion`.
    * ``stage_decoded``: a plain image, string [] → ``pixels`` uint8 [H, W, 3], before its profile is applied.
    * ``stage_resized``: pixels uint8 [H, W, 3] → ``pixels`` uint8 [S, S, 3].

    Args:
      served: the exported object.
    """
    spec = served.spec
    images = tf.TensorSpec([None], tf.string, name="image_bytes")
    image = tf.TensorSpec([], tf.string, name="image")

    @tf.function(input_signature=[images], autograph=False)
    def pixels(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        found, refused, pictures = served.decoded(image_bytes)
        return {"pixels": found, "refused": refused, "sizes": pictures.sizes}

    @tf.function(input_signature=[images], autograph=False)
    def plain_pixels(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        found, sizes = plain_decoding.batch_pixels_and_sizes(image_bytes, spec.size_px, spec.resize)
        return {"pixels": found, "sizes": sizes}

    @tf.function(input_signature=[image], autograph=False)
    def colours(image: tf.Tensor) -> dict[str, tf.Tensor]:
        tables, outcome = plain_decoding.conversion(image, spec.reading.convert_to_srgb)
        return {**tables._asdict(), "outcome": outcome}

    @tf.function(input_signature=[image], autograph=False)
    def decoded(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"pixels": plain_decoding.decode(image)}

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)], autograph=False)
    def resized(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"pixels": decoding.resize(pixels, spec.size_px, spec.resize)}

    return {
        PIXELS: pixels,
        PLAIN_PIXELS: plain_pixels,
        COLOURS: colours,
        DECODED: decoded,
        RESIZED: resized,
    }
