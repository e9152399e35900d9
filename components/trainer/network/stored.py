"""Reads a model back from its ``.keras`` file by its weights alone, whatever Keras wrote it.

Such a file is an archive: the network as JSON, which names classes and their settings, and the
arrays of the weights in HDF5. An older Keras does not know the settings of a newer one, so the JSON
is left unread: the registry builds the network, and only the arrays come from the file.
"""

import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import IO

import h5py
import keras

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer.network import model, windows
from data.files import read_arrays, read_back

WEIGHTS_MEMBER = "model.weights.h5"  # Keras' own name
# Keras stores the state of a random generator, such as Dropout's, as if it were a weight.
_GENERATOR = "seed_generator"


class OtherLayersError(read_back.ReadError):
    """The file's weights are those of another network."""


def read(path: Path, backbone: str, spec: materialise.Spec, sides: int = 1) -> keras.Model:
    """Reads a model.

    Args:
      path: the ``.keras`` file.
      backbone: its registered name.
      spec: its label map and its task; no weight depends on the size of the images.
      sides: of the square that it sees, in sides of the trained one, see module windows.

    Returns:
      A model as from model.build, the one inside where there are windows.

    Raises:
      OtherLayersError: the weights are not those of this backbone and task.
      read_back.ReadError: the file is absent or damaged, or would take too much memory.
    """
    what = f"trained model {path}"
    # Dropout is no weight, but has a state, and the file's rate is not known.
    config = train_config.TrainConfig(backbone=backbone, weights="random", dropout=0)
    other = OtherLayersError.of(what, f"its layers are not those of {backbone} for {spec.task}")
    with read_back.reading(what), read_back.local(path, read_arrays.MAX_BYTES) as file:
        found = _shapes(file)
        if len(spec.labels) > max((size for shape in found for size in shape), default=0):
            raise other  # and would be too large to build
        network = model.build(config, spec)
        # Keras would leave weights unread, in silence, that this network has no layer for.
        if found != Counter(tuple(weight.shape) for weight in network.weights):
            raise other
        windows.around(network, spec, sides)[0].load_weights(path)
    return network


def _shapes(file: IO[bytes]) -> Counter[tuple[int, ...]]:
    """Counts the shapes of a file's weights, without reading them.

    Raises:
      read_back.BrokenError: the weights are compressed, or larger than the file.
    """
    with zipfile.ZipFile(file) as archive:
        member = archive.getinfo(WEIGHTS_MEMBER)
        if member.compress_type != zipfile.ZIP_STORED:
            raise read_back.BrokenError("its weights are compressed, which Keras never does")
        try:
            with archive.open(member) as stored, h5py.File(stored, "r") as weights:
                arrays: list[h5py.Dataset] = []
                weights.visititems(
                    lambda name, one: (
                        arrays.append(one)
                        if isinstance(one, h5py.Dataset) and f"/{_GENERATOR}/" not in f"/{name}"
                        else None
                    )
                )
                size = sum(math.prod(one.shape) * one.dtype.itemsize for one in arrays)
                if size > member.file_size:
                    raise read_back.BrokenError(f"its weights would take {size:,} bytes of memory")
                return Counter(one.shape for one in arrays)
        except RuntimeError as error:  # h5py's for what is damaged further in
            raise read_back.BrokenError(f"its weights are damaged ({error})") from error
