"""Fits the temperature and the outlier detector after training.

Dimension letters: B batch, N images, S side in pixels, F features, K classes.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from scipy import optimize, special

from components.trainer.calibration import outliers, outputs
from components.trainer.loop import training_job
from data import progress
from data.examples import dataset, example

TASK = "calibrating"
BATCH = 64
# With fewer images, no temperature is fitted.
FEWEST_IMAGES = 20
LOWEST, HIGHEST = 0.1, 10.0
# The directions that outliers are detected by are averaged over at most MOST_IMAGES training
# images, but at least FEWEST_OF_A_CLASS of each class.
MOST_IMAGES = 2000
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Calibration:
    """Fitted parameters that are exported with a classifier.

    Attributes:
      temperature: probabilities are softmax(logits / temperature).
      note: a sentence that states how the temperature was fitted, or why it was not.
      coverage: share of in-distribution images that are not called outliers, in 0–1.
      detector: the outlier detector.
    """

    temperature: float = 1.0
    note: str = "Not calibrated."
    coverage: float = 1.0
    detector: outliers.Detector = field(default_factory=outliers.Detector)


def fit(classifier: keras.Model, job: training_job.Job) -> Calibration:
    """Fits the temperature and the outlier detector on the splits of a training.

    Args:
      classifier: as trained, pixels [B, S, S, 3] in 0–255 → logits float32 [B, K].
      job: what was trained. The directions of the classes come from some of its train images,
        everything else from its eval split; of the settings, ``calibrate`` and
        ``outlier_coverage`` are used.
    """
    spec, config = job.spec, job.config
    class_count, count = len(spec.labels), spec.counts["eval"]
    chosen = choose(read_label_ids(job.train_files), class_count)
    total = int(chosen.sum()) + count
    task, source = progress.start(TASK, total), outputs.kept(job, classifier)
    running = outputs.Outputs(classifier, config.backbone, total, source, task)
    training = (
        (rows, ids)
        for rows, _, ids in running.of(chosen_batches(job.train_files, chosen, spec.size_px))
    )
    directions = outliers.directions(training, class_count, running.feature_count)
    logits, label_ids = [np.zeros([0, class_count], np.float32)], [np.zeros(0, np.int64)]
    scores = [np.zeros(0, np.float32)]
    for rows, some_logits, some_ids in running.of(
        dataset.evaluation_batches(job.eval_files, count, spec.size_px, BATCH)
    ):
        logits.append(some_logits)
        label_ids.append(some_ids)
        scores.append(outliers.scores(rows, directions).numpy())
    logging.info(
        "Calibrated on %d eval images; the outlier detector uses %d of %d train images. In all, %d"
        " were read from the feature cache, %d went through the whole network.",
        *(count, chosen.sum(), len(chosen), running.read_count, running.computed_count),
    )
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
    https://arxiv.org/abs/1706.04599, section 4.2. A normal prior of its logarithm is added, with
    about the weight of one image: without it, a split without a mistake would make the model as
    confident as the bounds allow. The log loss is never higher than at 1.

    Args:
      logits: float [N, K], of images that were not trained on.
      label_ids: int64 [N].

    Returns:
      The temperature, within the bounds, and a sentence for the user. The temperature is 1 with
      fewer images than FEWEST_IMAGES and with a single class.
    """
    count, class_count = logits.shape
    if class_count < 2:
        return 1.0, "Not calibrated: there is one class."
    if count < FEWEST_IMAGES:
        return 1.0, f"Not calibrated: {count} eval images; at least {FEWEST_IMAGES} are needed."

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
    """Computes the mean cross-entropy of labels int64 [N] and logits float [N, K], in nats."""
    likelihoods = special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-likelihoods[np.arange(len(label_ids)), label_ids].mean())


def choose(label_ids: np.ndarray, class_count: int) -> np.ndarray:
    """Chooses some images of each class, evenly spread over the records.

    Args:
      label_ids: int64 [N], in the order of the records.
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


def read_label_ids(files: Sequence[str]) -> np.ndarray:
    """Reads the label_ids of all pixels records of some shards in order, int64 [N]."""
    batches = tf.data.TFRecordDataset(sorted(files)).batch(256).map(example.parse_label_ids)
    return np.concatenate([np.zeros(0, np.int64), *batches.as_numpy_iterator()])


def chosen_batches(files: Sequence[str], chosen: np.ndarray, size_px: int) -> tf.data.Dataset:
    """Reads batches of pixels uint8 [B, S, S, 3] and label_ids int64 [B] of some records.

    Args:
      files: shards of pixels records.
      chosen: bool [N], which of their records.
      size_px: the side S.
    """
    flags = tf.data.Dataset.from_tensor_slices(chosen)
    records = tf.data.Dataset.zip(flags, tf.data.TFRecordDataset(sorted(files)))
    kept = records.filter(lambda flag, _: flag).map(lambda _, serialized: serialized)
    return kept.batch(BATCH).map(lambda serialized: example.parse_pixels(serialized, size_px))
