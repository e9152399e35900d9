"""Writes or reads classifiers with the interpreter that runs it: ``classifiers write|read FOLDER``.

Prints the digest of the weights of each backbone as JSON. What is written has random weights; it is
read as a training reads the last model.
"""

import hashlib
import json
import sys
from pathlib import Path

import keras

from components.preprocess import materialise
from components.trainer import config
from components.trainer.network import keras_archive, model, stored

# Own layers, those of Keras' applications in their two kinds of nesting, and the smallest.
BACKBONES = ("efficientnet_lite0", "mobilenet_v3_small", "efficientnet_v2_b0", "cnn_separable")


SPEC = materialise.Spec(64, "stretch", ["a", "b", "c"], {"train": 1, "eval": 1, "test": 0})


def write(folder: Path, backbone: str) -> keras.Model:
    settings = config.TrainConfig(backbone=backbone, weights="random")
    written = model.build(settings, SPEC)
    keras_archive.save(written, folder / f"{backbone}.keras")
    return written


def read(folder: Path, backbone: str) -> keras.Model:
    return stored.read(folder / f"{backbone}.keras", backbone, SPEC)


def digest(network: keras.Model) -> str:
    values = b"".join(value.tobytes() for value in network.get_weights())
    return hashlib.sha256(values).hexdigest()


if __name__ == "__main__":
    does, where = {"write": write, "read": read}[sys.argv[1]], Path(sys.argv[2])
    print(json.dumps({name: digest(does(where, name)) for name in sys.argv[3:] or BACKBONES}))
