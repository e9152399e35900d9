"""The gallery: the images that are searched, as they are stored in a SavedModel.

It lies among the model's variables, so that one version is one thing, and the graph takes any number of
images. :func:`extended` writes the variables of a model with further images, and changes nothing else.

Dimension letters: N images of the gallery, F features, D dimensions of a vector.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data import errors
from data.files import hashing, read_back
from tasks.retrieval import transform as transforms

# The attribute of the exported object that holds a task's variables, see served_model.ServedModel.
HELD = "task_held"
_NETWORK = "held"
_VARIABLES = Path("variables") / "variables"
_OF_CHECKPOINT = "/.ATTRIBUTES/VARIABLE_VALUE"
# Of gallery and queries together, the vectors of a gallery may take so much.
MOST_BYTES = 8 << 30
UNKNOWN = -1
# The output of a search that is the vector of a query, and its column in answers.
VECTOR = "vector"


class MixedError(errors.PipelineError):
    """Vectors of another network, or of another version of it, which cannot be compared."""


@dataclass(frozen=True)
class Gallery:
    """Images that are searched.

    Attributes:
      vectors: float32 [N, D], of length 1.
      label_ids: int32 [N], by the label map of the model; UNKNOWN: not known.
      paths: N file names, as image/filename has them.
      digests: N SHA-256 of the files, in hex.
      made_by: the digest of what made the vectors, see ``Transform.digest``.
    """

    vectors: np.ndarray
    label_ids: np.ndarray
    paths: Sequence[str]
    digests: Sequence[str]
    made_by: str

    def __len__(self) -> int:
        """Returns N."""
        return len(self.paths)

    def counts(self, classes: int) -> np.ndarray:
        """Returns the images of each of K classes, int64 [K]."""
        known = self.label_ids[self.label_ids >= 0]
        return np.bincount(known, minlength=classes).astype(np.int64)

    def joined(self, other: "Gallery") -> "Gallery":
        """Returns both galleries as one.

        Raises:
          MixedError: the vectors were made by different networks.
        """
        if self.made_by != other.made_by:
            raise MixedError(
                f"The gallery's vectors were made by the network {self.made_by[:12]}, the new ones by"
                f" {other.made_by[:12]}: vectors of two networks cannot be compared. Embed the new images"
                " with the version whose gallery they shall join."
            )
        return Gallery(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.label_ids, other.label_ids]),
            [*self.paths, *other.paths],
            [*self.digests, *other.digests],
            self.made_by,
        )


class Variables(tf.Module):  # type: ignore[misc]
    """A gallery and the map that made its vectors, as they are exported; names are kept in the file."""

    def __init__(self, gallery: Gallery, made: transforms.Transform) -> None:
        super().__init__()
        arrays = _arrays(gallery)
        self.vectors = _variable(arrays["vectors"])
        self.label_ids = _variable(arrays["label_ids"])
        self.paths = _variable(arrays["paths"])
        self.digests = _variable(arrays["digests"])
        self.mean = _variable(made.mean)
        self.matrix = _variable(made.matrix)


def _variable(value: Any) -> tf.Variable:
    shape = tf.TensorShape([None, *np.shape(value)[1:]])
    return tf.Variable(value, trainable=False, shape=shape)


def _arrays(gallery: Gallery) -> dict[str, Any]:
    def texts(values: Sequence[str]) -> np.ndarray:
        return np.array([value.encode("utf-8", "surrogateescape") for value in values], object)

    return {
        "vectors": np.ascontiguousarray(gallery.vectors, np.float32),
        "label_ids": np.asarray(gallery.label_ids, np.int32),
        "paths": texts(gallery.paths),
        "digests": texts(gallery.digests),
    }


def read(folder: Path, expected: str) -> tuple[Gallery, transforms.Transform, str]:
    """Reads the gallery of an exported model, without running the model.

    Args:
      folder: the folder with saved_model.pb.
      expected: the digest that the contract states for the gallery's maker.

    Returns:
      The gallery, the map that made its vectors, and the digest of the network and map in this folder.

    Raises:
      errors.PipelineError: there is no gallery, or its parts do not fit each other.
    """
    with read_back.reading(f"gallery of the model {folder}"), _tensorflow():
        reader = tf.train.load_checkpoint(str(folder / _VARIABLES))
        shapes = reader.get_variable_to_shape_map()
        sizes = shapes[_key("vectors")]
        if 4 * int(np.prod(sizes)) > MOST_BYTES:
            raise read_back.BrokenError(f"its vectors {sizes} take more than {MOST_BYTES:,} bytes")
        found = {name: reader.get_tensor(_key(name)) for name in _STORED}
        count = len(found["vectors"])
        if any(len(found[name]) != count for name in ("label_ids", "paths", "digests")):
            raise read_back.BrokenError("it has different numbers of vectors and of paths")
    made = transforms.Transform(found["mean"], found["matrix"])
    texts = {
        name: [value.decode("utf-8", "surrogateescape") for value in found[name]]
        for name in ("paths", "digests")
    }
    gallery = Gallery(
        found["vectors"], found["label_ids"], texts["paths"], texts["digests"], expected
    )
    return gallery, made, made.digest(_network_digest(reader, shapes))


@contextlib.contextmanager
def _tensorflow() -> Iterator[None]:
    """Turns TensorFlow's errors about a damaged checkpoint into those of a damaged file."""
    try:
        yield
    except (tf.errors.OpError, RuntimeError) as error:
        raise read_back.BrokenError(str(error)[:200]) from error


_STORED = ("vectors", "label_ids", "paths", "digests", "mean", "matrix")


def _key(name: str) -> str:
    return f"{HELD}/{name}{_OF_CHECKPOINT}"


def _network_digest(reader: Any, shapes: Mapping[str, Any]) -> str:
    """Computes ``TrainImages.network`` from the stored variables."""
    places = [name for name in shapes if name.startswith(f"{_NETWORK}/")]
    ordered = sorted(places, key=lambda name: int(name.split("/")[1]))
    return hashing.arrays(reader.get_tensor(name) for name in ordered)


def extended(source: Path, target: Path, gallery: Gallery) -> None:
    """Writes the variables of a model again, with another gallery.

    Args:
      source: the folder of the model that is extended.
      target: a copy of that folder, whose variables are replaced.
      gallery: what its graph searches from now on.
    """
    reader = tf.train.load_checkpoint(str(source / _VARIABLES))
    arrays = _arrays(gallery)
    replaced = {_key(name): value for name, value in arrays.items()}
    names = sorted(reader.get_variable_to_shape_map())
    tensors = [
        tf.constant(replaced[name]) if name in replaced else tf.constant(reader.get_tensor(name))
        for name in names
    ]
    for path in (target / _VARIABLES.parent).iterdir():
        path.unlink()
    tf.raw_ops.SaveV2(
        prefix=os.fspath(target / _VARIABLES),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=tensors,
    )
