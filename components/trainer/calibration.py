"""What is fitted on the eval split after training: the temperature, and what an outlier is.

Dimension letters: B batch, N images, S side in pixels, F features, K classes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from scipy import optimize, special

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer import model, outliers
from data import dataset, example, progress

TASK = "calibrating"
BATCH = 64
# Fewer images than this say too little.
FEWEST_IMAGES = 20
LOWEST, HIGHEST = 0.1, 10.0
# What outliers are told by is averaged over this many training images, or so many of each class.
MOST_IMAGES = 2000
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Calibration:
    """What is exported with a classifier.

    Attributes:
      temperature: probabilities are softmax(logits / temperature).
      note: how it came about, as a sentence.
      coverage: the share of images like those of training that are not outliers, in 0–1.
      detector: what tells outliers.
    """

    temperature: float = 1.0
    note: str = "Not calibrated."
    coverage: float = 1.0
    detector: outliers.Detector = field(default_factory=outliers.Detector)


def fit(
    classifier: keras.Model,
    spec: materialise.Spec,
    config: train_config.TrainConfig,
    train_files: Sequence[str],
    eval_files: Sequence[str],
) -> Calibration:
    """Fits all on the splits of a training.

    Args:
      classifier: as trained, pixels [B, S, S, 3] in 0–255 → logits float32 [B, K].
      spec: what the records hold.
      config: of the training; ``calibrate`` and ``outlier_coverage`` are looked at.
      train_files: shards of pixels records; what a class looks like is taken from some of them.
      eval_files: shards of pixels records; all else is fitted on them.
    """
    class_count = len(spec.labels)
    chosen = choose(read_label_ids(train_files), class_count)
    task = progress.start(TASK, int(chosen.sum()) + spec.counts["eval"])
    outputs = Outputs(classifier, task)
    training = (
        (rows, ids)
        for rows, _, ids in outputs.of(chosen_batches(train_files, chosen, spec.size_px))
    )
    directions = outliers.directions(training, class_count, outputs.feature_count)
    logits, label_ids = [np.zeros([0, class_count], np.float32)], [np.zeros(0, np.int64)]
    scores = [np.zeros(0, np.float32)]
    batches = dataset.evaluation_batches(eval_files, spec.counts["eval"], spec.size_px, BATCH)
    for rows, some_logits, some_ids in outputs.of(batches):
        logits.append(some_logits)
        label_ids.append(some_ids)
        scores.append(outliers.scores(rows, directions).numpy())
    temperature, note = 1.0, "Turned off by train.calibrate."
    if config.calibrate:
        temperature, note = fit_temperature(np.concatenate(logits), np.concatenate(label_ids))
    limit = outliers.threshold(np.concatenate(scores), config.outlier_coverage)
    return Calibration(
        temperature, note, config.outlier_coverage, outliers.Detector(directions, limit)
    )


def fit_temperature(logits: np.ndarray, label_ids: np.ndarray) -> tuple[float, str]:
    """Finds the temperature at which the log loss is lowest.

    Source: temperature scaling, Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599, section 4.2. On top, a normal prior of its logarithm that
    weighs about as much as one image: without it, a split with no mistake in it would make the
    model as sure as the bounds allow. The log loss is never higher than at 1.

    Args:
      logits: float [N, K], of images that were not trained on.
      label_ids: int64 [N].

    Returns:
      The temperature, within the bounds, and a sentence for a person. 1 with fewer images than
      FEWEST_IMAGES, and with a single class.
    """
    count, class_count = logits.shape
    if class_count < 2:
        return 1.0, "Not calibrated: there is one class."
    if count < FEWEST_IMAGES:
        return 1.0, f"Not calibrated: {count} eval images; {FEWEST_IMAGES} at least are needed."

    def objective(log_temperature: float) -> float:
        loss = log_loss(logits, label_ids, math.exp(log_temperature))
        return count * loss + log_temperature**2 / 2

    bounds = (math.log(LOWEST), math.log(HIGHEST))
    found = optimize.minimize_scalar(objective, bounds=bounds, method="bounded")
    temperature = math.exp(found.x) if found.fun < objective(0.0) else 1.0
    before, after = (log_loss(logits, label_ids, value) for value in (1.0, temperature))
    return temperature, (
        f"Fitted on {count:,} eval images, whose log loss went from {before:.4f} to {after:.4f}."
    )


def log_loss(logits: np.ndarray, label_ids: np.ndarray, temperature: float = 1.0) -> float:
    """The mean negative log-likelihood of labels int64 [N] under logits float [N, K], in nats."""
    likelihoods = special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-likelihoods[np.arange(len(label_ids)), label_ids].mean())


def choose(label_ids: np.ndarray, class_count: int) -> np.ndarray:
    """Chooses some images of each class, evenly spread over the records.

    Args:
      label_ids: int64 [N], of the records in their order.
      class_count: K.

    Returns:
      bool [N].
    """
    most = max(FEWEST_OF_A_CLASS, MOST_IMAGES // class_count)
    chosen = np.zeros(len(label_ids), bool)
    for class_id in range(class_count):
        places = np.flatnonzero(label_ids == class_id)
        spread = np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)
        chosen[places[spread]] = True
    return chosen


class Outputs:
    """Runs a classifier for its embeddings and logits in one go; its graph is traced once."""

    def __init__(self, classifier: keras.Model, task: progress.Task | None = None) -> None:
        embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
        both = keras.Model(classifier.input, [embedding, classifier.output])

        pixels_spec = tf.TensorSpec([None, *classifier.input.shape[1:]], tf.uint8)

        @tf.function(input_signature=[pixels_spec])
        def run(pixels: tf.Tensor) -> list[tf.Tensor]:
            return both(pixels, training=False)  # type: ignore[no-any-return]

        self.feature_count: int = embedding.shape[-1]
        self._run, self._task = run, task

    def of(self, batches: tf.data.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Batches of pixels and label_ids → embeddings [B, F], logits [B, K], label_ids [B]."""
        for pixels, label_ids in batches:
            embeddings, logits = self._run(pixels)
            yield embeddings.numpy(), logits.numpy(), label_ids.numpy()
            if self._task is not None:
                self._task.advance(len(label_ids))


def read_label_ids(files: Sequence[str]) -> np.ndarray:
    """The label_ids of all pixels records of some shards in their order, int64 [N]."""
    batches = tf.data.TFRecordDataset(sorted(files)).batch(256).map(example.parse_label_ids)
    return np.concatenate([np.zeros(0, np.int64), *batches.as_numpy_iterator()])


def chosen_batches(files: Sequence[str], chosen: np.ndarray, size_px: int) -> tf.data.Dataset:
    """Batches of pixels uint8 [B, S, S, 3] and label_ids int64 [B] of some records.

    Args:
      files: shards of pixels records.
      chosen: bool [N], which of their records.
      size_px: the side S.
    """
    flags = tf.data.Dataset.from_tensor_slices(chosen)
    records = tf.data.Dataset.zip(flags, tf.data.TFRecordDataset(sorted(files)))
    kept = records.filter(lambda flag, _: flag).map(lambda _, serialized: serialized)
    return kept.batch(BATCH).map(lambda serialized: example.parse_pixels(serialized, size_px))
