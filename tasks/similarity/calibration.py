"""What is made of embeddings after training: the vectors that are compared, and the gallery.

Dimension letters: B batch, N images, F features, D dimensions of a vector, K classes, k neighbours.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data import formats
from data.files import read_back
from tasks.facets import usual
from tasks.facets.training import CalibrationSettings, TrainImages
from tasks.retrieval import gallery as galleries
from tasks.retrieval import health, held_out, projection, ranks, search, structure
from tasks.retrieval import transform as transforms

_AT_ONCE = 4096
_NO_LABELS = "The images have no labels."
_NO_PROJECTION = (
    "The images have no labels, so no projection was trained (train.retrieval.projection)."
)
EMBEDDING, WHITENED = "embedding", "whitened"
_NO_GALLERY = galleries.Gallery(
    np.zeros([0, 1], np.float32), np.zeros(0, np.int32), [], [], made_by=""
)


@dataclass(frozen=True)
class Fitted(usual.WithoutLoops):
    """See tasks.facets.training.Fitted.

    Attributes:
      made: embedding → vector.
      gallery: the train images, or those and further ones.
      class_count: K.
      neighbours: k, images that an answer has.
      kind: EMBEDDING, WHITENED, or the loss of the projection.
      held_out: the classes that no projection was trained on.
      spoiled: what spoils the search, of the gallery as it was after training.
      structure: its clusters and outliers, likewise.
      note: sentences that state how the vectors are made.
    """

    made: transforms.Transform = field(default_factory=transforms.Transform.identity)
    gallery: galleries.Gallery = _NO_GALLERY
    class_count: int = 0
    neighbours: int = 10
    kind: str = EMBEDDING
    held_out: tuple[str, ...] = ()
    spoiled: Mapping[str, Any] = field(default_factory=dict)
    structure: Mapping[str, Any] = field(default_factory=dict)
    note: str = "There is no gallery."

    @functools.cached_property
    def variables(self) -> galleries.Variables:
        """Returns the gallery and the map as the exported model holds them."""
        return galleries.Variables(self.gallery, self.made)

    @property
    def ranked(self) -> int:
        """Returns how many images a ranking is kept of: all of the largest class, or more."""
        largest = int(self.gallery.counts(self.class_count).max(initial=0))
        return min(max(self.neighbours, largest), ranks.MOST_RANKED)

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Converts embeddings [B, F] to vectors float32 [B, D] of length 1."""
        return self.made.apply(outputs)

    def search(self, vectors: tf.Tensor, most: int | None = None) -> search.Found:
        """Finds the nearest images of vectors float32 [B, D]; by default as many as an answer has."""
        return search.nearest(vectors, self.variables, most or self.neighbours)

    def parameters(self, _labels: Sequence[str]) -> dict[str, Any]:
        """Returns what the contract states of the vectors and of the gallery."""
        return {
            "neighbours": self.neighbours,
            "vectors": {"kind": self.kind, "size": int(self.gallery.vectors.shape[1])},
            "held_out_classes": list(self.held_out),
            "gallery": {
                "images": len(self.gallery),
                "per_class": self.gallery.counts(self.class_count).tolist(),
                "ranked": self.ranked,
                "made_by": self.gallery.made_by,
                "health": dict(self.spoiled),
                "structure": dict(self.structure),
            },
        }


class Calibration:
    """See tasks.facets.training.Calibration."""

    reads_train = True

    def unfitted(self, class_count: int) -> Fitted:
        """Returns an empty gallery."""
        return Fitted(class_count=class_count)

    def sampled(
        self, outputs: np.ndarray, targets: np.ndarray, settings: CalibrationSettings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns all of them."""
        return outputs, targets

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        labels: Sequence[str],
        settings: CalibrationSettings,
        train: TrainImages | None = None,
    ) -> Fitted:
        """Chooses the map from embeddings to vectors, and embeds the gallery.

        A projection is trained on the train images of the classes that are not held out, and kept if
        the eval images of the held-out ones find their class more often with it.
        """
        assert train is not None  # noqa: S101  reads_train is true
        asked = settings.retrieval
        made, kind, sentences = _base(train.outputs, asked.whitening_size)
        present = [labels[number] for number in np.unique(train.targets) if number >= 0]
        chosen, why = held_out.choose(present, asked.held_out_fraction)
        if not labels:
            sentences.append(_NO_LABELS if asked.projection == "none" else _NO_PROJECTION)
        elif asked.projection != "none":
            images = _Images(train.outputs, train.targets, outputs, targets)
            made, kind, words = _projected(made, kind, images, (labels, chosen, why), settings)
            sentences += words
        vectors = _vectors(made, train.outputs)
        gallery = galleries.Gallery(
            vectors,
            train.targets.astype(np.int32),
            train.paths,
            train.digests,
            made.digest(train.network),
        )
        return Fitted(
            made,
            gallery,
            len(labels),
            asked.neighbours,
            kind,
            tuple(chosen),
            dataclasses.asdict(health.measure(vectors, train.paths)),
            dataclasses.asdict(structure.measure(vectors, train.paths)),
            " ".join(sentences),
        )

    def of_contract(self, contract: Mapping[str, Any], folder: Path | None = None) -> Fitted:
        """Returns the map and the gallery of an exported model.

        Raises:
          errors.PipelineError: the gallery cannot be read, or another network made its vectors.
        """
        if folder is None:
            raise ValueError("the gallery lies in the model's folder, which is not given")
        stated = contract["gallery"]["made_by"]
        gallery, made, now = galleries.read(folder, stated)
        if now != stated:
            raise read_back.BrokenError(
                f"the gallery's vectors were made by the network {stated[:12]}, and the model is {now[:12]}:"
                " the gallery is stale"
            )
        return Fitted(
            made,
            gallery,
            len(contract["labels"]),
            int(contract["neighbours"]),
            str(contract["vectors"]["kind"]),
            tuple(map(str, contract["held_out_classes"])),
            dict(contract["gallery"]["health"]),
            dict(contract["gallery"].get("structure", {})),
            str(contract["calibration"]),
        )


@dataclass(frozen=True)
class _Images:
    """Embeddings float32 [N, F] and classes int [N] of the train images and of the eval images."""

    train: np.ndarray
    train_ids: np.ndarray
    queries: np.ndarray
    query_ids: np.ndarray


def _base(outputs: np.ndarray, size: int) -> tuple[transforms.Transform, str, list[str]]:
    if not size:
        return (
            transforms.Transform.identity(),
            EMBEDDING,
            ["Vectors are the embeddings, scaled to length 1."],
        )
    made = transforms.whitening(outputs[health.is_good(outputs)], size)
    kept = made.size(outputs.shape[1])
    return (
        made,
        WHITENED,
        [f"Vectors are the embeddings, whitened to {kept} components, of length 1."],
    )


def _projected(
    base: transforms.Transform,
    kind: str,
    images: _Images,
    classes: tuple[Sequence[str], Sequence[str], str],
    settings: CalibrationSettings,
) -> tuple[transforms.Transform, str, list[str]]:
    """Trains a projection, and returns the better of it and the map without it, and sentences."""
    labels, chosen, why = classes
    asked = settings.retrieval
    numbers = [list(labels).index(name) for name in chosen]
    before, queries = _vectors(base, images.train), _vectors(base, images.queries)
    trained = ~np.isin(images.train_ids, numbers) & health.is_good(before)
    asked_of = np.isin(images.query_ids, numbers) if numbers else np.ones(len(queries), bool)
    queries, query_ids = queries[asked_of], images.query_ids[asked_of]
    if not len(queries):
        return base, kind, [f"No projection was trained: no eval image can judge it. {why}"]

    def judge(matrix: np.ndarray | None) -> float:
        parts = [before, queries]
        if matrix is not None:
            parts = [transforms.unit(part @ matrix) for part in parts]
        return ranks.recall_at_1(parts[1], parts[0], query_ids, images.train_ids)

    without = judge(None)
    name = asked.projection
    assert name != "none"  # noqa: S101
    found = projection.train(
        before[trained],
        images.train_ids[trained],
        name,
        min(asked.projection_size, before.shape[1]),
        asked.projection_epochs,
        settings.seed,
        judge,
    )
    of = f"held-out classes ({', '.join(chosen)})" if chosen else "classes"
    compared = (
        f"On {formats.plural(len(queries), 'eval image')} of {of}, recall@1 is"
        f" {formats.percent(found.score)} with a projection to {found.matrix.shape[1]} dimensions"
        f" trained with {name}, and {formats.percent(without)} without. {why}"
    )
    if found.score <= without:
        return base, kind, [f"{compared} The projection is not kept."]
    matrix = base.matrix @ found.matrix if base.matrix.size else found.matrix
    return transforms.Transform(base.mean, matrix), name, [f"{compared} The projection is kept."]


def _vectors(made: transforms.Transform, outputs: np.ndarray) -> np.ndarray:
    parts = [
        np.asarray(made.apply(outputs[start : start + _AT_ONCE]))
        for start in range(0, len(outputs), _AT_ONCE)
    ]
    return (
        np.concatenate(parts) if parts else np.zeros([0, made.size(outputs.shape[1])], np.float32)
    )


CALIBRATION = Calibration()
