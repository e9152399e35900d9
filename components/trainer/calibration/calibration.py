"""Fits, after training, what makes answers of outputs, and the outlier detector.

Dimension letters: B batch, N images, S side in pixels, F features, K classes.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from components.preprocess import materialise
from components.trainer.calibration import outliers, outputs
from components.trainer.loop import training_job
from data import progress
from data.examples import dataset, example, reading
from data.examples.annotation import Annotation
from data.files import hashing
from tasks import task
from tasks.facets import training

TASK = "calibrating"
BATCH = 64
MANY = 4096
# The directions that outliers are detected by are averaged over at most MOST_IMAGES training
# images, but at least FEWEST_OF_A_CLASS of each class.
MOST_IMAGES = 2000
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Calibration:
    """Fitted parameters that are exported with a model.

    Attributes:
      answers: what makes answers of the head's outputs.
      coverage: share of in-distribution images that are not called outliers, in 0–1.
      detector: the outlier detector.
    """

    answers: training.Fitted
    coverage: float = 1.0
    detector: outliers.Detector = field(default_factory=outliers.Detector)


def unfitted(spec: materialise.Spec) -> Calibration:
    """Returns what a model is exported with if nothing was fitted."""
    return Calibration(task.load(spec.task).calibration.unfitted(len(spec.labels)))


def fit(classifier: keras.Model, job: training_job.Job) -> Calibration:
    """Fits the answers and the outlier detector on the splits of a training.

    Args:
      classifier: as trained, pixels [B, S, S, 3] in 0–255 → outputs float32 [B, …].
      job: what was trained. The directions of the classes come from some of its train images, or all
        where the task needs these, everything else from its eval split.
    """
    spec, config, annotation = job.spec, job.config, job.annotation
    count = spec.counts["eval"]
    facet = task.load(spec.task).calibration
    chosen = choose(read_targets(job.train_files, annotation), annotation)
    if facet.reads_train:
        chosen[:] = True
    of_train: list[tuple[np.ndarray, np.ndarray]] = []
    total = int(chosen.sum()) + count
    progressing, source = progress.start(TASK, total), outputs.kept(job, classifier)
    running = outputs.Outputs(classifier, job.head, config.backbone, total, source, progressing)

    def embedded() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        batches = chosen_batches(job.train_files, chosen, spec.size_px, annotation)
        for rows, some_outputs, targets in running.of(batches):
            if facet.reads_train:
                of_train.append((some_outputs, targets))
            yield rows, _groups(annotation, targets)

    groups = max(1, annotation.class_count)
    directions = outliers.directions(embedded(), groups, running.feature_count)
    settings = _settings(job)
    nothing = np.zeros([0, *classifier.output.shape[1:]], np.float32)
    answered, true = ([one] for one in facet.sampled(nothing, _no_targets(annotation), settings))
    scores = [np.zeros(0, np.float32)]
    for rows, some_outputs, targets in running.of(
        dataset.evaluation_batches(job.eval_files, count, spec.size_px, BATCH, annotation)
    ):
        some_outputs, targets = facet.sampled(some_outputs, targets, settings)
        answered.append(some_outputs)
        true.append(targets)
        scores.append(outliers.scores(rows, directions).numpy())
    logging.info(
        "Calibrated on %d eval images; the outlier detector uses %d of %d train images. In all, %d"
        " were read from the feature cache, %d went through the whole network.",
        *(count, chosen.sum(), len(chosen), running.read_count, running.computed_count),
    )
    fitted = facet.fit(
        np.concatenate(answered),
        np.concatenate(true),
        spec.labels,
        settings,
        _train_images(classifier, job, of_train) if facet.reads_train else None,
    )
    limit = outliers.threshold(np.concatenate(scores), config.outlier_coverage)
    return Calibration(fitted, config.outlier_coverage, outliers.Detector(directions, limit))


def _groups(annotation: Annotation, targets: np.ndarray) -> np.ndarray:
    """Returns which classes are in each image, bool [B, K]; without any class all images are one group."""
    presence = annotation.presence(targets)
    return presence if annotation.class_count else np.ones([len(presence), 1], bool)


def _settings(job: training_job.Job) -> training.CalibrationSettings:
    config = job.config
    return training.CalibrationSettings(
        config.calibrate,
        config.min_precision,
        config.nms_iou,
        config.peaks_only,
        config.retrieval,
        job.seed,
    )


def _train_images(
    classifier: keras.Model, job: training_job.Job, found: list[tuple[np.ndarray, np.ndarray]]
) -> training.TrainImages:
    outputs, targets = zip(*found, strict=True)
    paths, digests = dataset.names(job.train_files)
    return training.TrainImages(
        np.concatenate(outputs),
        np.concatenate(targets),
        paths,
        digests,
        hashing.arrays(variable.numpy() for variable in classifier.variables),
    )


def choose(targets: np.ndarray, annotation: Annotation) -> np.ndarray:
    """Chooses some images of each class, evenly spread over the records.

    Args:
      targets: [N, …], in the order of the records.
      annotation: what they mean.

    Returns:
      bool [N].
    """
    most = max(FEWEST_OF_A_CLASS, MOST_IMAGES // max(1, annotation.class_count))
    chosen = np.zeros(len(targets), bool)
    images, class_ids = _members(targets, annotation)
    for class_id in range(annotation.class_count):
        places = images[class_ids == class_id]
        spread = np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)
        chosen[places[spread]] = True
    return chosen


def in_order_of_class(targets: np.ndarray, annotation: Annotation) -> np.ndarray:
    """Orders images by their first class, those without a class last; returns indices int64 [N]."""
    images, class_ids = _members(targets, annotation)
    first = np.full(len(targets), annotation.class_count)
    np.minimum.at(first, images, class_ids)
    return np.argsort(first, kind="stable")


def _members(targets: np.ndarray, annotation: Annotation) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pairs of an image and a class that it has: two arrays int64 of one length."""
    images, class_ids = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(targets), MANY):  # [N, K] at once may be too large
        found = np.nonzero(annotation.presence(targets[start : start + MANY]))
        images.append(found[0] + start)
        class_ids.append(found[1])
    return np.concatenate(images), np.concatenate(class_ids)


def read_targets(files: Sequence[str], annotation: Annotation) -> np.ndarray:
    """Reads the targets [N, …] of all records of some shards, in order."""
    return dataset.gathered(dataset.targets(files, annotation).as_numpy_iterator(), annotation)


def chosen_batches(
    files: Sequence[str], chosen: np.ndarray, size_px: int, annotation: Annotation
) -> tf.data.Dataset:
    """Reads batches of pixels uint8 [B, S, S, 3] and targets [B, …] of some records.

    Args:
      files: shards of pixels records.
      chosen: bool [N], which of their records.
      size_px: the side S.
      annotation: what the images are annotated with.
    """
    flags = tf.data.Dataset.from_tensor_slices(chosen)
    records = tf.data.Dataset.zip(flags, reading.records(sorted(files)))
    kept = records.filter(lambda flag, _: flag).map(lambda _, serialized: serialized)
    parse = tf.autograph.experimental.do_not_convert(  # the lambda too, as in data.examples.dataset
        lambda serialized: example.parse_pixels(serialized, size_px, annotation)
    )
    return kept.batch(BATCH).map(parse).prefetch(2)


def _no_targets(annotation: Annotation) -> np.ndarray:
    spec = annotation.spec
    return np.zeros([0, *spec.shape[1:]], spec.dtype.as_numpy_dtype)
