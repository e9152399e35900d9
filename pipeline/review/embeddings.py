"""Embeddings of images by the model in serving, kept on the disk by model and content.

Dimension letters: N images, D embedding.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from components.image_validator import clean, embedding
from data import errors
from data.examples import catalog
from data.files import atomic, hashing, read_arrays, read_back, user_files
from data.images import decode_config
from pipeline import output_folder
from pipeline.review import project as reviewed

BATCH_SIZE = 32
_WHAT = "embeddings of a review"

# Receives how many images are done, of how many.
Progress = Callable[[int, int], None]


class Model:
    """The model in serving; loaded when it is first asked.

    Args:
      folder: the folder of its versions.

    Attributes:
      version: the number of the version.
    """

    def __init__(self, folder: Path) -> None:
        self.version = embedding.served(str(folder))
        self._folder = folder
        self._loaded: Any = None

    def __bool__(self) -> bool:
        """Returns whether there is one."""
        return self.version is not None

    def embed(self, encoded: Sequence[bytes]) -> np.ndarray:
        """Returns float32 [N, D]; zeros for what the model does not accept."""
        found = self._ask("embed", encoded)
        rows = found["embedding"].numpy().astype(np.float32)
        return np.where(found["valid"].numpy()[:, None], rows, 0)  # what is no image has a row too

    def explain(self, encoded: bytes) -> np.ndarray | None:
        """Returns a heat map, float [H, W] in 0–1; None if the model has none."""
        if "explain" not in self._signatures():
            return None
        found: np.ndarray = self._ask("explain", [encoded])["heatmap"].numpy()[0]
        return found

    def _ask(self, signature: str, encoded: Sequence[bytes]) -> Any:
        import tensorflow as tf

        return self._signatures()[signature](image_bytes=tf.constant(list(encoded)))

    def _signatures(self) -> Any:
        if self._loaded is None:
            import tensorflow as tf

            self._loaded = tf.saved_model.load(str(self._folder / str(self.version)))
        return self._loaded.signatures


def of_images(project: reviewed.Project, model: Model, told: Progress) -> np.ndarray:
    """Returns the embeddings of the ingested images, float32 [N, D], in the order of the catalog.

    Args:
      project: the images.
      model: the model in serving.
      told: called now and then.
    """
    images = project.images
    kept = _Kept(project, model)
    missing = {
        image.sha256: number for number, image in enumerate(images) if image.sha256 not in kept.rows
    }
    stored = clean.read_encoded(project.uri, images, set(missing.values()))
    found = ((images[number].sha256, encoded) for number, encoded in stored)
    kept.add(found, model, len(missing), told)
    return kept.of([image.sha256 for image in images])


def of_files(
    project: reviewed.Project, model: Model, root: Path, paths: Sequence[str], told: Progress
) -> tuple[np.ndarray, list[str]]:
    """Returns the embeddings of files below a folder, float32 [N, D], and their digests.

    A file that cannot be read has an empty digest and zeros.
    """
    kept = _Kept(project, model)
    digests: list[str] = []

    def contents() -> Iterator[tuple[str, bytes]]:
        for path in paths:
            content = user_files.read(str(root), path, decode_config.Limits().max_bytes)
            if not isinstance(content, bytes):
                digests.append("")
                continue
            sha256 = hashing.sha256(content)
            digests.append(sha256)
            if sha256 not in kept.rows:
                yield sha256, content

    kept.add(contents(), model, len(paths), told)
    return kept.of(digests), digests


class _Kept:
    """Embeddings on the disk, by content; those of another version are computed anew."""

    def __init__(self, project: reviewed.Project, model: Model) -> None:
        folder = output_folder.OutputFolder(project.output_dir).review(project.name)
        self._path = folder / f"embeddings-{model.version}.npz"
        self.rows: dict[str, np.ndarray] = {}
        try:
            self.rows = read_arrays.arrays(self._path, _WHAT, _rows)
        except read_back.AbsentError:
            pass
        except errors.DataError as error:
            logging.warning("%s They are computed again.", error)

    def add(
        self, found: Iterator[tuple[str, bytes]], model: Model, total: int, told: Progress
    ) -> None:
        """Computes what is missing, and keeps all."""
        done = 0
        while batch := list(islice(found, BATCH_SIZE)):
            values = model.embed([content for _, content in batch])
            self.rows |= {sha256: row for (sha256, _), row in zip(batch, values, strict=True)}
            done += len(batch)
            told(done, total)
        if done:
            with atomic.replacing(self._path) as temporary, temporary.open("wb") as file:
                values = np.stack(list(self.rows.values()))
                np.savez(file, sha256=np.array(list(self.rows)), embedding=values)

    def of(self, digests: Sequence[str]) -> np.ndarray:
        """Returns float32 [N, D] of some contents; zeros for those without."""
        if not self.rows:
            return np.zeros((len(digests), 1), np.float32)
        none = np.zeros_like(next(iter(self.rows.values())))
        return (
            np.stack([self.rows.get(sha256, none) for sha256 in digests])
            if digests
            else none[None][:0]
        )


def _rows(found: Any) -> dict[str, np.ndarray]:
    digests, values = found["sha256"], found["embedding"]
    if values.ndim != 2 or len(digests) != len(values) or values.dtype != np.float32:
        raise read_back.BrokenError("it has not one embedding for each image")
    return dict(zip(map(str, digests), values, strict=True))


def presence(images: Sequence[catalog.Image], labels: Sequence[str]) -> np.ndarray:
    """Returns the labels of images as bool [N, K]."""
    places = {name: number for number, name in enumerate(labels)}
    found = np.zeros((len(images), len(labels)), bool)
    for row, image in zip(found, images, strict=True):
        row[[places[name] for name in image.labels if name in places]] = True
    return found
