"""The stages of ``serving_default`` as functions of their own inside a SavedModel.

A server that runs the network in another runtime calls them around it: pixels, network, answer. They are not
signatures, so that no client sees them. Dimension letters: B batch, S side in pixels, F features.
"""

from typing import Any, Protocol

import keras
import tensorflow as tf

from components.preprocess import materialise
from components.trainer.network import model
from data.graph import plain_decoding
from tasks.facets.serving import Pictures

PIXELS, PLAIN_PIXELS, KEEPS_COLOURS, ANSWER = (
    "stage_pixels",
    "stage_plain_pixels",
    "stage_keeps_colours",
    "stage_answer",
)


class Staged(Protocol):
    """The exported model; see ``served_model.ServedModel``."""

    spec: materialise.Spec

    def decoded(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Pictures]:
        """Decodes images string [B]."""

    def pictures(self, sizes: tf.Tensor) -> Pictures:
        """Returns what answers about places need of sizes int32 [B, 2]."""

    def answer(
        self, embedding: tf.Tensor, outputs: tf.Tensor, refused: tf.Tensor, pictures: Pictures
    ) -> dict[str, tf.Tensor]:
        """Computes the outputs of ``serving_default`` from those of the network."""


def of(served: Staged, classifier: keras.Model) -> dict[str, Any]:
    """Makes the functions by name.

    * ``stage_pixels``: images string [B] → ``pixels`` uint8 [B, S, S, 3], ``refused`` string [B] and
      ``sizes`` int32 [B, 2].
    * ``stage_plain_pixels``: the same without ``refused``, for plain images only, see
      :mod:`data.graph.plain_decoding`.
    * ``stage_keeps_colours``: an image, string [] → bool [].
    * ``stage_answer``: ``embedding`` float32 [B, F] and ``outputs`` float32 [B, …] of the network, ``refused``
      and ``sizes`` → the outputs of ``serving_default``.

    Args:
      served: the exported object.
      classifier: its network, for the shapes.
    """
    spec = served.spec
    images = tf.TensorSpec([None], tf.string, name="image_bytes")
    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output

    @tf.function(input_signature=[images], autograph=False)
    def pixels(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        decoded, refused, pictures = served.decoded(image_bytes)
        return {"pixels": decoded, "refused": refused, "sizes": pictures.sizes}

    @tf.function(input_signature=[images], autograph=False)
    def plain_pixels(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        decoded, sizes = plain_decoding.batch_pixels_and_sizes(
            image_bytes, spec.size_px, spec.resize
        )
        return {"pixels": decoded, "sizes": sizes}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def keeps_colours(image: tf.Tensor) -> tf.Tensor:
        return plain_decoding.keeps_colours(image, spec.reading.convert_to_srgb)

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

    return {
        PIXELS: pixels,
        PLAIN_PIXELS: plain_pixels,
        KEEPS_COLOURS: keeps_colours,
        ANSWER: answer,
    }
