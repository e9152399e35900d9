"""The answers of detection: the objects of each image, and the boxes that a model found.

Dimension letters: N images, G objects, D detections, K classes.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from typing_extensions import Self

from data.boxes import features
from data.examples import example
from data.files import read_back
from tasks.boxes import errors, rows, user_files
from tasks.predictions import answered, schema

BOXES, SCORES, CLASS_IDS = "boxes", "scores", "class_ids"
PREDICTED, SCORE = "predicted", "score"
THRESHOLDS = "thresholds"
HEIGHT, WIDTH = "height", "width"
IMAGE_SIZE = "image_size"
NO_CLASS = -1


@dataclass(frozen=True)
class Predictions(answered.Answered):
    """A detector's answers, in the order of the records.

    Attributes:
      objects: object [N], rows [G, 8] of each image by the label map of the data.
      detections: object [N], rows [D, 7] of each image.
      sizes: int64 [N, 2], height and width of the upright images in pixels.
    """

    objects: np.ndarray
    detections: np.ndarray
    sizes: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """See the base class."""
        return self.objects

    @property
    def answers(self) -> np.ndarray:
        """See the base class."""
        return rows.many(rows.headed(one, len(self.labels)) for one in self.detections)

    def answers_of(
        self, probabilities: np.ndarray, _places: np.ndarray, _square: answered.Square
    ) -> np.ndarray:
        """See the base class: rows of an array [B, D, 7], without those of the score 0."""
        found = (one[one[:, 4] > 0] for one in np.asarray(probabilities))
        return rows.many(rows.headed(one, len(self.labels)) for one in found)

    @property
    def right(self) -> np.ndarray:
        """See the base class: every object found at the threshold, and nothing else shown."""
        fine = {errors.Kind.RIGHT, errors.Kind.IGNORED}
        found = []
        for one, other in zip(self.objects, self.detections, strict=True):
            shown = rows.found(rows.shown(other))
            kinds = errors.sort(rows.truth(one), shown, np.zeros(len(self.labels) + 1))
            found.append({*kinds.detections, *kinds.objects} <= fine)
        return np.array(found, bool) & self.valid

    @property
    def support(self) -> np.ndarray:
        """See the base class: the number of objects of each class that count."""
        counted = [one[(one[:, 5] == 0) & (one[:, 6] == 0), 4].astype(int) for one in self.objects]
        joined = np.concatenate([np.zeros(0, int), *counted])
        return np.bincount(joined, minlength=len(self.labels))

    @property
    def groups(self) -> np.ndarray:
        """See the base class: the class of the first object; K without any."""
        return np.array(
            [int(one[0, 4]) if len(one) else len(self.labels) for one in self.objects], np.int64
        )

    @property
    def mean_score(self) -> float | None:
        """See the base class: of the detections at the operating thresholds."""
        scores = np.concatenate([np.zeros(0), *(rows.shown(one)[:, 4] for one in self.detections)])
        return float(scores.mean()) if len(scores) else None

    def aligned(self, labels: Sequence[str]) -> Self:
        """See the base class; detections of classes that are not among the labels are left out."""
        places = {name: index for index, name in enumerate(labels)}
        numbers = np.array([places.get(name, NO_CLASS) for name in self.labels])

        def renumbered(found: np.ndarray) -> np.ndarray:
            kept = found.copy()
            kept[:, 5] = numbers[found[:, 5].astype(int)]
            return kept[kept[:, 5] >= 0]

        changed = rows.many(map(renumbered, self.detections))
        return dataclasses.replace(self, labels=list(labels), detections=changed)

    def paired(self, other: Self) -> tuple[Self, Self] | None:
        """See the base class."""
        first, second = self.taken(self._order()), other.taken(other._order())
        same = first.paths == second.paths and all(
            np.array_equal(one, two) for one, two in zip(first.objects, second.objects, strict=True)
        )
        return (first, second) if same else None


class Answers:
    """See ``judging.Answers``; boxes are flat lists: ymin, xmin, ymax, xmax in pixels."""

    annotation: Mapping[str, pa.DataType] = {
        "object_boxes": pa.list_(pa.float32()),
        "object_class_ids": pa.list_(pa.int64()),
        "object_is_crowd": pa.list_(pa.int64()),
        "object_is_difficult": pa.list_(pa.int64()),
        "object_area_px": pa.list_(pa.float32()),
        HEIGHT: pa.int64(),
        WIDTH: pa.int64(),
    }
    answer: Mapping[str, pa.DataType] = {
        BOXES: pa.list_(pa.float32()),
        SCORES: pa.list_(pa.float32()),
        CLASS_IDS: pa.list_(pa.int64()),
        IMAGE_SIZE: pa.list_(pa.int64()),
    }
    attached: Mapping[str, str] = MappingProxyType({})
    document = "COCO"
    draws = True
    shown: Mapping[str, pa.DataType] = {PREDICTED: pa.list_(pa.string()), SCORE: pa.float32()}

    def annotated(self, serialized: tf.Tensor) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        columns: dict[str, list[Any]] = {name: [] for name in self.annotation}
        for content in serialized.numpy():
            row = tf.train.Example.FromString(content).features.feature
            sides = [np.array(row[name].float_list.value, np.float64) for name in features.SIDES]
            lengths = [row[name].int64_list.value[0] for name in (example.HEIGHT, example.WIDTH)]
            corners = np.stack(sides, axis=1) * np.tile(lengths, 2)
            columns[HEIGHT].append(lengths[0])
            columns[WIDTH].append(lengths[1])
            columns["object_boxes"].append(corners.astype(np.float32).ravel())
            numbers = np.array(row[features.LABEL].int64_list.value, np.int64)
            columns["object_class_ids"].append(numbers - features.BACKGROUND)
            columns["object_is_crowd"].append(list(row[features.IS_CROWD].int64_list.value))
            columns["object_is_difficult"].append(list(row[features.DIFFICULT].int64_list.value))
            columns["object_area_px"].append(list(row[features.AREA].float_list.value))
        return {name: pa.array(columns[name], kind) for name, kind in self.annotation.items()}

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        counts = outputs["num_detections"]

        def lists(name: str) -> pa.Array:
            values = outputs[name]
            kept = [one[:count].ravel() for one, count in zip(values, counts, strict=True)]
            return pa.array(kept, self.answer[name])

        sizes = pa.array(list(outputs[IMAGE_SIZE]), self.answer[IMAGE_SIZE])
        return {name: lists(name) for name in (BOXES, SCORES, CLASS_IDS)} | {IMAGE_SIZE: sizes}

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """See ``judging.Answers``: the operating thresholds, in the order of the labels."""
        return {THRESHOLDS: [float(contract[THRESHOLDS][name]) for name in contract["labels"]]}

    def evaluated(self, row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[float]]:
        """See ``judging.Answers``."""
        return {
            rows.OBJECTS: rows.packed(objects_of(row)),
            rows.DETECTIONS: rows.packed(
                rows.headed(detections_of(row, about), len(about[THRESHOLDS]))
            ),
        }

    def told(
        self, row: Mapping[str, Any] | None, labels: Sequence[str], about: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See ``judging.Answers``: the classes of the detections that are shown, best first."""
        if row is None:
            return {PREDICTED: None, SCORE: None}
        shown = rows.shown(detections_of(row, about))
        names = [labels[int(class_id)] for class_id in shown[:, 5]]
        return {PREDICTED: names, SCORE: float(shown[0, 4]) if len(shown) else 0.0}

    def nothing(self, labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {name: [] for name in self.answer}

    def header(self, labels: Sequence[str]) -> list[str]:
        """See ``judging.Answers``."""
        return list(user_files.HEADER)

    def lines(self, row: Any, labels: Sequence[str], about: Mapping[str, Any]) -> list[list[Any]]:
        """See ``judging.Answers``: one line a detection."""
        return user_files.lines(_read(row, about) if row is not None else [], labels)

    def documented(
        self,
        rows: Callable[[], Iterator[Mapping[str, Any]]],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Iterator[str]:
        """See ``judging.Answers``: COCO's JSON."""

        def images() -> Iterator[user_files.Seen]:
            for row in rows():
                height, width = row[IMAGE_SIZE]
                yield user_files.Seen(row[schema.PATH], height, width, _read(row, about))

        return user_files.coco(images, labels)

    def drawn(
        self,
        picture: np.ndarray,
        row: Mapping[str, Any],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> np.ndarray:
        """See ``judging.Answers``: the boxes that are shown."""
        return user_files.draw_detections(picture, _read(row, about), labels)

    def named(self, row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``: all detections, best first."""
        boxes = np.asarray(row[BOXES], np.float64).reshape(-1, 4)
        names = ("ymin", "xmin", "ymax", "xmax")
        return {
            "detections": [
                {
                    "label": labels[class_id],
                    "score": round(score, 4),
                    **dict(zip(names, np.round(box, 1).tolist(), strict=True)),
                }
                for box, score, class_id in zip(boxes, row[SCORES], row[CLASS_IDS], strict=True)
            ]
        }

    def read(self, uri: str, split: str) -> Predictions:
        """See ``judging.Answers``."""
        paths = schema.files(uri, split)
        types = {**self.annotation, **self.answer}
        table = schema.read_columns(paths, (*answered.COLUMNS, *types), types)
        about = schema.about_of(table.schema)
        with read_back.reading(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            given = table.select(list(types)).to_pylist()
            return Predictions(
                **answered.common(table, schema.labels_of(table.schema)),
                objects=rows.many(map(objects_of, given)),
                detections=rows.many(detections_of(row, about) for row in given),
                sizes=np.array([[row[HEIGHT], row[WIDTH]] for row in given], np.int64).reshape(
                    -1, 2
                ),
            )

    def replaced(
        self,
        annotated: Predictions,
        table: pa.Table,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Predictions:
        """See ``judging.Answers``."""
        given = table.select(list(self.answer)).to_pylist()
        return dataclasses.replace(
            annotated,
            **answered.by_model(table, labels),
            detections=rows.many(detections_of(row, about) for row in given),
        )


def _read(row: Mapping[str, Any], about: Mapping[str, Any]) -> list[user_files.Detection]:
    return user_files.read(detections_of(row, about))


def objects_of(row: Mapping[str, Any]) -> np.ndarray:
    """Returns the objects of a row of Predictions: float64 [G, 8]."""
    corners = np.asarray(row["object_boxes"], np.float64).reshape(-1, 4)
    names = ("object_class_ids", "object_is_crowd", "object_is_difficult", "object_area_px")
    rest = [np.asarray(row[name], np.float64)[:, None] for name in names]
    return np.concatenate([corners, *rest], axis=1)


def detections_of(row: Mapping[str, Any], about: Mapping[str, Any]) -> np.ndarray:
    """Returns the detections of a row of Predictions: float64 [D, 7]."""
    corners = np.asarray(row[BOXES], np.float64).reshape(-1, 4)
    scores, class_ids = (np.asarray(row[name], np.float64) for name in (SCORES, CLASS_IDS))
    thresholds = np.asarray(about[THRESHOLDS], np.float64)
    shown = scores >= thresholds[class_ids.astype(int)]
    return np.concatenate([corners, np.stack([scores, class_ids, shown], axis=1)], axis=1)


ANSWERS = Answers()
