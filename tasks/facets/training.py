"""The interfaces of what training asks of a task: target, head and calibration.

Dimension letters: B batch, N images, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from tasks import retrieval_config

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    import numpy as np
    import tensorflow as tf
    from typing_extensions import Self

    from data.examples.annotation import Annotation
    from data.graph import decoding

# Features that a backbone offers to heads: "pooled" float32 [B, F], the embedding; "maps", stride →
# float32 [B, h, w, C], the deepest map of each size, by powers of 2.
Tap = Literal["pooled", "maps"]
# What decides which epoch is the best: the eval loss for heads whose loss is what they are judged by,
# else the eval score. A detector's loss, for one, rises with its confidence while its boxes still get
# better.
Watched = Literal["loss", "score"]
# How many labels an image may have: exactly one, or any number, also none.
LabelsPerImage = Literal["one", "any"]


class Target(Protocol):
    """The annotation of an image."""

    def of(self, class_count: int, size_px: int, resize: decoding.ResizeMode) -> Annotation:
        """Returns how records and batches hold it.

        Args:
          class_count: K, of the label map.
          size_px: side of the square images of batches.
          resize: how images became square.
        """


class Embedded(NamedTuple):
    """Embeddings float32 [N, F] and targets [N, …] of images, and weights float [N] in a sum over them."""

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class Solve(Protocol):
    """Solves a head's layers for the least loss at once, instead of by steps."""

    def __call__(
        self,
        model: keras.Model,
        images: Embedded,
        held_out: Embedded,
        loss: keras.losses.Loss,
        keeps_better: bool,
    ) -> None:
        """Sets them.

        Args:
          model: has the layers that :meth:`Head.build` made.
          images: of the train split.
          held_out: of the eval split, weights unused; without any, or without images, nothing changes.
          loss: of targets and outputs.
          keeps_better: whether layers whose loss on the held-out images is already lower stay as they are.
        """


class Head(Protocol):
    """From features to outputs, and what training watches.

    Attributes:
      taps: the features of the backbone that it reads.
      strides: of the maps that it reads, if any; others are not kept.
      needed_strides: those of them that it cannot do without.
      most_views: number of cached views of an image from which on more do not pay off.
      most_head_views: number of them that phase 1 sees at most, where phase 2 follows and sees all.
      viewed_images: views × images that a CPU computes in about the time of the other training.
      score: name of the score that training shows, in 0–1, higher is better; as a metric in the
        history it is ``val_<score>``.
      score_title: the same in words.
      watched: what decides which epoch is the best, the eval loss or, where the loss does not tell
        how good the answers are, the eval score.
      is_trained: whether there is anything to learn; else the network stays as it is, no phase runs,
        and :meth:`build` adds no weights.
    """

    taps: Sequence[Tap]
    strides: Sequence[int]
    needed_strides: Sequence[int]
    most_views: int
    most_head_views: int
    viewed_images: int
    score: str
    score_title: str
    watched: Watched
    is_trained: bool

    def build(
        self, features: Mapping[Tap, Any], class_count: int, dropout: float
    ) -> keras.KerasTensor:
        """Applies new layers to the features of its taps; returns outputs float32 [B, …]."""

    def reapply(self, model: keras.Model, features: Mapping[Tap, Any]) -> keras.KerasTensor:
        """Applies the layers that :meth:`build` put into a model to other features."""

    def copy_known(
        self, last: keras.Model, model: keras.Model, old: Sequence[str], new: Sequence[str]
    ) -> int:
        """Copies the weights of classes, matched by name, from a model of the same task.

        Args:
          last: the model to copy from.
          model: the model to copy to.
          old: the classes of ``last``.
          new: the classes of ``model``.

        Returns:
          The number of classes of ``new`` that the last model knows.
        """

    @property
    def solve(self) -> Solve | None:
        """Returns what solves the head's layers at once; None where steps alone can train them."""

    def loss(
        self, label_smoothing: float, class_weights: Sequence[float] = ()
    ) -> keras.losses.Loss:
        """Makes the training loss; its ``call`` gives float32 [B] for targets and outputs.

        Args:
          label_smoothing: in 0–1.
          class_weights: K factors, by which rare classes count more; empty: all 1.
        """

    def guessing_loss(self, class_count: int) -> float:
        """Returns about the loss of a model that has learned nothing."""

    def metrics(self, outputs: keras.KerasTensor) -> list[keras.metrics.Metric]:
        """Makes the metrics of training batches, whose targets may be mixed.

        Args:
          outputs: those of the head, for their shape.
        """

    def tally(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Counts, inside a graph, what the score of a split needs; tallies of batches add up.

        Args:
          targets: [B, …], not mixed.
          outputs: float32 [B, …].

        Returns:
          int64, of a shape that does not depend on B.
        """

    def measure(self, tally: np.ndarray) -> float:
        """Computes the score, in 0–1, from the tally of a split; 0 for an empty one."""

    def draw(self, tally: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Draws the tally of a split for TensorBoard: title → picture uint8 [H, W, 3]."""


class Fitted(Protocol):
    """What was fitted on held-out images, and with it the answers of a model.

    Attributes:
      note: a sentence that states how it was fitted, or why it was not.
      variables: what the answers need and the graph must not hold as constants, because it may be
        large or is replaced without a training; exported with the model. None: nothing.
    """

    @property
    def note(self) -> str: ...  # noqa: D102

    @property
    def variables(self) -> tf.Module | None: ...  # noqa: D102

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Converts outputs of the head to probabilities float32 [B, K], inside a graph or not."""

    def without_loops(self) -> Self:
        """Returns the same for converters that know no loops; its answers may differ a little."""

    def parameters(self, labels: Sequence[str]) -> dict[str, Any]:
        """Returns its entries in contract.json and exports.json."""


@dataclass(frozen=True)
class CalibrationSettings:
    """Settings of the calibration.

    Attributes:
      is_on: whether probabilities are calibrated.
      min_precision: least precision on the eval split that thresholds of labels are chosen for, in
        0–1; None: those of the highest F1. Only tasks with thresholds use it.
      nms_iou: largest IoU at which two boxes of one class are both kept; only tasks with boxes use it.
      peaks_only: whether only cells that no neighbour exceeds give boxes; likewise.
      retrieval: what an embedding becomes; only tasks that search images use it.
      seed: seed of random draws.
    """

    is_on: bool = True
    min_precision: float | None = None
    nms_iou: float = 0.6
    peaks_only: bool = False
    retrieval: retrieval_config.RetrievalConfig = field(
        default_factory=retrieval_config.RetrievalConfig
    )
    seed: int = 0


@dataclass(frozen=True)
class TrainImages:
    """All train images as the trained network sees them, without augmentation.

    Attributes:
      outputs: float32 [N, …], of the head.
      targets: [N, …].
      paths: N file names, as image/filename has them.
      digests: N SHA-256 of the files, in hex.
      network: digest of the network's weights, by ``hashing.arrays``.
    """

    outputs: np.ndarray
    targets: np.ndarray
    paths: Sequence[str]
    digests: Sequence[str]
    network: str


class Calibration(Protocol):
    """Fits, after training, what makes outputs into answers.

    Attributes:
      reads_train: whether :meth:`fit` needs the train images too.
    """

    reads_train: bool

    def unfitted(self, class_count: int) -> Fitted:
        """Returns what is used where nothing was fitted."""

    def sampled(
        self, outputs: np.ndarray, targets: np.ndarray, settings: CalibrationSettings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reduces outputs and targets of B images to what :meth:`fit` needs of them.

        All images of a split are held at once, so of answers about pixels it takes some.
        """

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        labels: Sequence[str],
        settings: CalibrationSettings,
        train: TrainImages | None = None,
    ) -> Fitted:
        """Fits on held-out images.

        Args:
          outputs: float32 [N, …], of the head, as :meth:`sampled` gives them.
          targets: [N, …], likewise.
          labels: the K classes.
          settings: what to fit.
          train: the train images; None where :attr:`reads_train` is false.
        """

    def of_contract(self, contract: Mapping[str, Any], folder: Path | None = None) -> Fitted:
        """Returns what an exported model was fitted with, from its contract.

        Args:
          contract: the model's.
          folder: the folder with saved_model.pb, for what a contract is too small for.

        Raises:
          errors.PipelineError: the model's files cannot be read.
          LookupError, TypeError, ValueError: the contract lacks an entry, or a value is wrong.
        """
