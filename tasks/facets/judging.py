"""The facets that judge a model: answers, figures, evidence, compare; see task.py.

Dimension letters: B batch, N images, K classes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from tasks import evaluate_config, evidence_config, gate_check, metric
from tasks.facets import user_files

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

    from tasks import collecting, result
    from tasks.facets import training
    from tasks.predictions import answered


class Answers(user_files.UserFiles, Protocol):
    """The columns of Predictions that only this task has, see ``tasks/predictions/schema.py``.

    A row is a dict from column to value. ``about`` is :meth:`about` of the model that answered.
    """

    @property
    def annotation(self) -> "Mapping[str, pa.DataType]":
        """Returns the columns of what is true of an image: name → type."""

    @property
    def answer(self) -> "Mapping[str, pa.DataType]":
        """Returns the columns of what a model answered: name → type."""

    @property
    def shown(self) -> "Mapping[str, pa.DataType]":
        """Returns the columns that sum an answer up for the user: name → type."""

    @property
    def attached(self) -> Mapping[str, str]:
        """Returns the columns that are files of their own for the user: name → suffix."""

    def annotated(self, serialized: "tf.Tensor") -> "dict[str, pa.Array]":
        """Parses image records, string [B], into the columns of ``annotation``."""

    def columns(self, outputs: Mapping[str, np.ndarray]) -> "dict[str, pa.Array]":
        """Turns the outputs of ``serve_examples``, each [B, ...], into the columns of ``answer``."""

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what a model's contract states that its answers cannot be read without, as JSON."""

    def evaluated(
        self, row: Mapping[str, Any], about: Mapping[str, Any]
    ) -> Mapping[str, Sequence[float]]:
        """Returns the features of an evaluation record, see ``Figures``, from a row of Predictions.

        ``schema.GROUP`` in the row is the number of the image's group, see ``tasks/statistics/groups.py``.
        """

    def told(
        self, row: Mapping[str, Any] | None, labels: Sequence[str], about: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Returns the columns of ``shown`` for a row; None stands for an image without an answer."""

    def nothing(self, labels: Sequence[str]) -> dict[str, Any]:
        """Returns the columns of ``answer`` for a file that no model was asked about."""

    def read(self, uri: str, split: str) -> "answered.Answered":
        """Reads all answers about a split from a Predictions artifact into memory.

        Raises:
          errors.PipelineError: a shard is missing or cannot be read.
        """

    def replaced(
        self,
        annotated: Any,
        table: "pa.Table",
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> "answered.Answered":
        """Returns another model's answers about the same images.

        Args:
          annotated: answers, of which paths and annotations are kept.
          table: the columns valid, outlier_score and ``answer``, in the order of those images.
          labels: the other model's classes.
          about: the other model's.
        """


class Figures(Protocol):
    """The metrics, each defined once; see metric.py and ``registry.Registry``.

    An evaluation record has what is true of an image as the feature ``label_key`` and what the
    model answered as the feature ``prediction_key``.
    """

    label_key: str
    prediction_key: str
    # Whether an image has one true and one predicted class, so that a confusion matrix exists.
    has_confusion: bool
    # The metric that stands for all in slices and of corrupted images: the share of images answered right,
    # or what comes nearest to it.
    share_right: str
    # Which corruptions leave what is true of an image true: every one, those that move nothing in the
    # image, or none that can be measured.
    survives_corruption: Literal["every", "unmoving", "none"]
    # The settings of ``evaluate`` that only some tasks use, and this one does.
    settings: frozenset[str]

    @property
    def measurements(self) -> tuple[metric.Measurement, ...]:
        """Returns the measurements in the order of the pages."""

    @property
    def every(self) -> tuple[metric.Metric, ...]:
        """Returns all metrics in the order of the pages."""

    @property
    def by_class(self) -> tuple[metric.Metric, ...]:
        """Returns the metrics that have a value for each class."""

    @property
    def of_whole(self) -> tuple[metric.Metric, ...]:
        """Returns the metrics that have one value for the whole split."""

    def target(self, label: np.ndarray) -> np.ndarray:
        """Turns one image's feature ``label_key`` into a row of ``metric.Tally``'s targets."""

    def answer(self, prediction: np.ndarray) -> np.ndarray:
        """Turns one image's feature ``prediction_key`` into a row of ``metric.Tally``'s answers."""

    def collect(
        self,
        labels: list[str],
        config: evaluate_config.EvaluateConfig,
        whole: "collecting.Measured",
        parts: "Iterable[collecting.Part]",
    ) -> "result.Result":
        """Builds the result of an evaluation.

        Args:
          labels: the label map.
          config: the settings of the evaluation.
          whole: the measurements on the test split.
          parts: (key, value, measurements) of each slice, see ``slicing.Slicing.key``.
        """


class Evidence(Protocol):
    """The checks of quality for the release gate."""

    # The settings of ``gate`` that only some tasks use, and this one does, without the limits.
    settings: frozenset[str]
    # The names of the checks against the served model: of all images, and of each class.
    whole_check: str
    class_check: str

    def limits(
        self,
        candidate: Any,
        config: evidence_config.EvidenceConfig,
        evaluate: evaluate_config.EvaluateConfig,
    ) -> list[gate_check.Check]:
        """Compares a model's metrics on the test images with their limits.

        Args:
          candidate: the candidate's ``Answered``, by the labels of the data.
          config: the limits.
          evaluate: the metrics' settings.
        """

    def against_served(
        self, candidate: Any, served: Any, config: evidence_config.EvidenceConfig
    ) -> list[gate_check.Check]:
        """Compares the candidate with the served model on the same images.

        Args:
          candidate: its ``Answered``, by the labels of the data.
          served: the served model's, by its own labels.
          config: margins, confidence and method.

        Raises:
          errors.PipelineError: the two are about different images.
        """


class Compare(Protocol):
    """How far two answers to the same images are apart.

    Every model answers with ``output``, numbers [N, …] that are laid out as [N, n], zeros where the
    image cannot be read, and with one output that names what it found.
    """

    # The output of the signatures that is compared, such as probabilities float32 [N, K].
    output: str
    # The setting of ``gate`` with the largest allowed distance.
    setting: str
    # What a distance is, in words.
    unit: str
    # The output of the signatures that names what the model found, string [N].
    name_output: str

    def width(self, contract: Mapping[str, Any]) -> int:
        """Returns how many numbers n ``output`` has for an image."""

    def values(
        self, probabilities: "tf.Tensor", contract: Mapping[str, Any], fitted: "training.Fitted"
    ) -> "tf.Tensor":
        """Turns the trained network's probabilities [N, …] into what is compared, float32 [N, n].

        Args:
          probabilities: as ``fitted`` makes them.
          contract: the model's.
          fitted: what the model was fitted with.
        """

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns how far two answers [N, n] are apart, float [N]; infinite where one is NaN."""

    def names(
        self, values: np.ndarray, valid: np.ndarray, contract: Mapping[str, Any]
    ) -> list[str]:
        """Returns what ``name_output`` must be by the model's own values [N, n]; N texts."""

    def agreement(
        self, first: np.ndarray, second: np.ndarray, contract: Mapping[str, Any]
    ) -> float:
        """Returns the share of images that both probabilities name the same for, in 0–1."""

    def exported(
        self, answer: np.ndarray, expected: np.ndarray, contract: Mapping[str, Any]
    ) -> tuple[float, str]:
        """Compares an export's probabilities [N, …] with those of the trained network.

        Returns:
          How far they are apart, to be compared with the format's ``max_difference``, 0 or more,
          infinite where one is not a number; and that in words, without a full stop.
        """

    def problem(self, values: np.ndarray, readable: np.ndarray) -> str | None:
        """Returns why values cannot be right, whatever is true; None where they can.

        Args:
          values: finite, [N, n].
          readable: bool [N], false where the content is no image, so that all must be 0.
        """


def unused_settings(
    config: evidence_config.EvidenceConfig,
    evaluate: evaluate_config.EvaluateConfig,
    chosen: tuple[Figures, Evidence],
    every: Collection[tuple[Figures, Evidence]],
) -> list[str]:
    """Returns the settings that were changed though the chosen task does not use them.

    Args:
      config: the gate's settings.
      evaluate: the settings of evaluation.
      chosen: the facets of the task that runs.
      every: those of all tasks.
    """

    def of_gate(figures: Figures, evidence: Evidence) -> set[str]:
        return {one.setting for one in figures.every} | evidence.settings

    own, own_figures = of_gate(*chosen), chosen[0].settings
    others = {name for facets in every for name in of_gate(*facets)} - own
    others_figures = {name for facets in every for name in facets[0].settings} - own_figures
    return [
        *(f"gate.{name}" for name in sorted(others) if _changed(config, name)),
        *(f"evaluate.{name}" for name in sorted(others_figures) if _changed(evaluate, name)),
    ]


def _changed(config: Any, name: str) -> bool:
    field = type(config).model_fields.get(name)
    return field is not None and getattr(config, name) != field.get_default(
        call_default_factory=True
    )
