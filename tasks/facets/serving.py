"""The interface of the outputs of a served model.

Dimension letters: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import tensorflow as tf

    from data.graph import decoding
    from tasks.facets.training import Fitted


@dataclass(frozen=True)
class Pictures:
    """Sizes of the images of a batch, for answers about places in them.

    Attributes:
      sizes: int32 [B, 2], height and width of the upright images; 1 where an image is refused.
      size_px: the side S of the square that the model saw.
      resize: how images became square.
    """

    sizes: tf.Tensor
    size_px: int
    resize: decoding.ResizeMode


class Signatures(Protocol):
    """Outputs of the served model, as its contract describes them.

    Attributes:
      display: what a page draws of an answer.
      explains: whether the model has the signature ``explain``, a heat map for the answer.
      compared: an output of ``serving_default``, float32, whose numbers must be alike place by place whatever
        runs the network.
    """

    display: Literal["class_bars", "label_bars", "mask", "boxes", "neighbours"]
    explains: bool
    compared: str

    def answer(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        pictures: Pictures,
    ) -> dict[str, tf.Tensor]:
        """Makes the task's outputs of ``serving_default``, inside a graph.

        Args:
          fitted: what was fitted after training.
          labels: the K classes.
          outputs: float32 [B, …], of the head.
          valid: bool [B]; where it is false, the outputs are 0 or empty.
          pictures: the images that were answered.
        """

    def examined(
        self,
        fitted: Fitted,
        outputs: tf.Tensor,
        valid: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Makes outputs that ``serve_examples`` has beside those of :meth:`answer`, to judge the model.

        Args:
          fitted: as for :meth:`answer`.
          outputs: as for :meth:`answer`.
          valid: as for :meth:`answer`.
        """

    def explained(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        class_ids: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Makes the outputs of ``explain`` beside the heat map.

        Args:
          fitted: as for :meth:`answer`.
          labels: as for :meth:`answer`.
          outputs: as for :meth:`answer`.
          valid: as for :meth:`answer`.
          class_ids: int64 [B], the explained classes; None: the most probable ones.
        """

    def exported(self, labels: Sequence[str]) -> str:
        """Returns the shape of the probabilities that the exported files give, in words."""

    def described(self, labels: Sequence[str]) -> dict[str, str]:
        """Describes the outputs of :meth:`answer` in words: name → type and meaning."""

    def examined_described(self) -> dict[str, str]:
        """Describes the outputs of :meth:`examined` in words."""

    def explained_described(self) -> dict[str, str]:
        """Describes the outputs of :meth:`explained` in words."""


class Served(Protocol):
    """The exported model, as a signature of a task's own asks it, inside a graph."""

    @property
    def labels(self) -> Sequence[str]:
        """Returns the K classes."""

    def predict(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs of ``serving_default`` for encoded images string [B]."""

    def explain(
        self, encoded: tf.Tensor, class_ids: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Returns the outputs of ``explain`` for encoded images string [B].

        Args:
          encoded: string [B].
          class_ids: int64 [B], the classes to explain, -1 for none; None: the most probable ones.
        """


@dataclass(frozen=True)
class OwnSignature:
    """A signature that only one task's models have, beside those of every task.

    A task has them by name in ``OWN_SIGNATURES`` of its ``signatures.py``; nothing else names them.

    Attributes:
      inputs: the string [B] inputs beside the images, and their meaning in words.
      answer: the exported model, images string [B] and those inputs → the outputs by name.
      outputs: the outputs of the common signatures in words, by signature → its own in words.
    """

    inputs: Mapping[str, str]
    answer: Callable[..., dict[str, tf.Tensor]]
    outputs: Callable[[Mapping[str, Mapping[str, str]]], Mapping[str, str]]
