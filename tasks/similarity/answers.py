"""The answers of a search: the neighbours of each image, and how the whole gallery is ranked.

Dimension letters: N images, K classes, k neighbours, T ranked images, D dimensions of a vector.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from typing_extensions import Self

from data.files import read_back
from tasks import one_class
from tasks.predictions import answered, plain_files, schema
from tasks.retrieval import gallery as galleries
from tasks.retrieval import ranks
from tasks.similarity import target

NEIGHBOURS, COSINES, LABELS = "neighbours", "cosines", "neighbour_labels"
RANKED, VECTOR = "ranked_label_ids", galleries.VECTOR
PREDICTED, SCORE = "predicted", "score"
# The feature of an evaluation record, see :mod:`tasks.retrieval.ranks`.
JUDGED = "retrieval"
GALLERY, HELD_OUT, NAMES, NOTE = "gallery", "held_out_classes", "labels", "note"
HEADER = ("rank", "neighbour", "neighbour label", "cosine")
UNKNOWN = -1


@dataclass(frozen=True)
class Predictions(answered.Answered):
    """A model's answers, in the order of the records; the gallery is the model's own.

    Attributes:
      label_ids: int64 [N], the true classes by the label map of the data; −1: none is known.
      neighbours: N lists of paths, the nearest first; empty where the image was not valid.
      neighbour_labels: N lists of their labels.
      cosines: N lists of their cosines.
      ranked: int32 [N, T], the classes of the nearest images of the gallery; −1: none.
      vectors: float32 [N, D], of length 1; zeros where the image was not valid.
      counts: int64 [K], images of each class in the gallery.
      held_out: names of the classes that no projection was trained on.
      gallery: what the contract states of the gallery.
      note: sentences that state how the vectors are made.
    """

    label_ids: np.ndarray
    neighbours: np.ndarray
    neighbour_labels: np.ndarray
    cosines: np.ndarray
    ranked: np.ndarray
    vectors: np.ndarray
    counts: np.ndarray
    held_out: tuple[str, ...] = ()
    gallery: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def targets(self) -> np.ndarray:
        """See the base class: the true classes, int64 [N]."""
        return self.label_ids

    @property
    def answers(self) -> np.ndarray:
        """See the base class: rows of :mod:`tasks.retrieval.ranks`, float64 [N, 6]."""
        held = np.isin(self.labels, list(self.held_out))
        return ranks.of(self.ranked, self.label_ids, self.counts, held)

    def answers_of(
        self, probabilities: np.ndarray, places: np.ndarray, square: answered.Square
    ) -> np.ndarray:
        """See the base class.

        Raises:
          NotImplementedError: always: answers about corrupted images need the gallery.
        """
        raise NotImplementedError("only the model searches its gallery")

    @property
    def first_ranks(self) -> np.ndarray:
        """Returns the rank of the first right image, int64 [N], from 1; 0: none was found."""
        return self.answers[:, ranks.RANK].astype(np.int64)

    @property
    def right(self) -> np.ndarray:
        """See the base class: the nearest image has the class of the query."""
        return self.first_ranks == 1

    @property
    def support(self) -> np.ndarray:
        """See the base class."""
        known = self.label_ids[self.label_ids >= 0]
        return np.bincount(known, minlength=len(self.labels))

    @property
    def groups(self) -> np.ndarray:
        """See the base class: the true classes."""
        return self.label_ids

    @property
    def mean_score(self) -> float | None:
        """See the base class: the cosine of the nearest image, at least 0."""
        scores = [max(0.0, float(row[0])) for row in self.cosines if len(row)]
        return float(np.mean(scores)) if scores else None

    def relabelled(self, labels: Mapping[str, Sequence[str]]) -> Self | None:
        """See the base class."""
        changed = one_class.relabelled(self.label_ids, self.paths, self.labels, labels)
        return None if changed is None else dataclasses.replace(self, label_ids=changed)

    def aligned(self, labels: Sequence[str]) -> Self:
        """See the base class; images of other classes in the gallery are never right."""
        places = {name: number for number, name in enumerate(labels)}
        numbers = np.array(
            [*(places.get(name, UNKNOWN) for name in self.labels), UNKNOWN], np.int32
        )
        counts = np.zeros(len(labels), np.int64)
        for name, count in zip(self.labels, self.counts, strict=True):
            if name in places:
                counts[places[name]] = count
        return dataclasses.replace(
            self, labels=list(labels), ranked=numbers[self.ranked], counts=counts
        )

    def _of_model(self) -> frozenset[str]:
        """See the base class."""
        return frozenset({"counts"})


class Answers(plain_files.PlainFiles):
    """See ``judging.Answers``."""

    annotation = one_class.COLUMNS
    attached: Mapping[str, str] = MappingProxyType({})
    answer: Mapping[str, pa.DataType] = {
        NEIGHBOURS: pa.list_(pa.string()),
        LABELS: pa.list_(pa.string()),
        COSINES: pa.list_(pa.float32()),
        RANKED: pa.list_(pa.int32()),
        VECTOR: pa.list_(pa.float32()),
    }
    shown: Mapping[str, pa.DataType] = {PREDICTED: pa.string(), SCORE: pa.float32()}

    def annotated(self, serialized: tf.Tensor) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        return target.annotated(serialized)

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        counts = [sum(1 for path in row if path) for row in outputs[NEIGHBOURS]]

        def lists(name: str, read: Any = None) -> pa.Array:
            rows = [row[:count] for row, count in zip(outputs[name], counts, strict=True)]
            if read:
                rows = [[read(value) for value in row] for row in rows]
            return pa.array(rows, self.answer[name])

        whole = {
            name: pa.array(list(outputs[name]), self.answer[name]) for name in (RANKED, VECTOR)
        }
        return {
            NEIGHBOURS: lists(NEIGHBOURS, _text),
            LABELS: lists(LABELS, _text),
            COSINES: lists(COSINES),
            **whole,
        }

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """See ``judging.Answers``: the gallery, the held-out classes, the labels."""
        return {
            GALLERY: dict(contract["gallery"]),
            HELD_OUT: list(contract["held_out_classes"]),
            NAMES: list(contract["labels"]),
            NOTE: str(contract["calibration"]),
        }

    def evaluated(self, row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[float]]:
        """See ``judging.Answers``."""
        held = np.isin(about[NAMES], about[HELD_OUT])
        ranked = np.asarray(row[RANKED], np.int32)[None]
        counts = np.asarray(about[GALLERY]["per_class"], np.int64)
        found = ranks.of(ranked, np.array([row[one_class.LABEL_ID]]), counts, held)
        return {JUDGED: found[0].tolist()}

    def told(
        self, row: Mapping[str, Any] | None, labels: Sequence[str], about: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See ``judging.Answers``: the label of the nearest image, and its cosine."""
        if row is None or not row[NEIGHBOURS]:
            return {PREDICTED: None, SCORE: None}
        return {PREDICTED: row[LABELS][0], SCORE: row[COSINES][0]}

    def nothing(self, labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {name: [] for name in self.answer}

    def header(self, labels: Sequence[str]) -> list[str]:
        """See ``judging.Answers``."""
        return list(HEADER)

    def lines(
        self,
        row: Mapping[str, Any] | None,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> list[list[Any]]:
        """See ``judging.Answers``: one line a neighbour."""
        if row is None or not row[NEIGHBOURS]:
            return [[None] * len(HEADER)]
        rows = zip(row[NEIGHBOURS], row[LABELS], row[COSINES], strict=True)
        return [[rank, *one] for rank, one in enumerate(rows, 1)]

    def named(self, row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        rows = zip(row[NEIGHBOURS], row[LABELS], row[COSINES], strict=True)
        return {
            NEIGHBOURS: [
                {"path": path, "label": label, "cosine": round(float(cosine), 4)}
                for path, label, cosine in rows
            ]
        }

    def read(self, uri: str, split: str) -> Predictions:
        """See ``judging.Answers``."""
        paths = schema.files(uri, split)
        types = {**self.annotation, **self.answer}
        wanted = (*answered.COLUMNS, one_class.LABEL_ID, *self.answer)
        table = schema.read_columns(paths, wanted, types)
        labels, about = schema.labels_of(table.schema), schema.about_of(table.schema)
        # In a file that a model did not write, the columns may not fit each other.
        with read_back.reading(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            return Predictions(
                **answered.common(table, labels),
                label_ids=table[one_class.LABEL_ID].to_numpy(),
                **_answered(table, about),
            )

    def replaced(
        self,
        annotated: Predictions,
        table: pa.Table,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Predictions:
        """See ``judging.Answers``."""
        return dataclasses.replace(
            annotated, **answered.by_model(table, labels), **_answered(table, about)
        )


def _answered(table: pa.Table, about: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes that another model's answers replace."""
    return {
        "neighbours": _objects(table[NEIGHBOURS]),
        "neighbour_labels": _objects(table[LABELS]),
        "cosines": _objects(table[COSINES]),
        "ranked": _matrix(table[RANKED], np.int32, UNKNOWN),
        "vectors": _matrix(table[VECTOR], np.float32, 0),
        "counts": np.array(about[GALLERY]["per_class"], np.int64),
        "held_out": tuple(about[HELD_OUT]),
        "gallery": about[GALLERY],
        "note": about[NOTE],
    }


def _objects(column: pa.ChunkedArray) -> np.ndarray:
    made = np.empty(len(column), object)
    for place, value in enumerate(column.to_pylist()):
        made[place] = value
    return made


def _matrix(column: pa.ChunkedArray, kind: Any, missing: float) -> np.ndarray:
    """Returns lists of numbers as an array [N, …]; shorter lists are filled up."""
    rows = [np.asarray(value, kind) for value in column.to_pylist()]
    made = np.full([len(rows), max(map(len, rows), default=0)], missing, kind)
    for place, row in enumerate(rows):
        made[place, : len(row)] = row
    return made


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


ANSWERS = Answers()
