"""Registry of the backbones that the modules in ``families/`` define. Imports no Keras.

The tests in tests/components/trainer/backbones run over every entry.
"""

import importlib
import importlib.util
import pkgutil
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from components.trainer.backbones import backbone, families, torch_weights
from data import errors

if TYPE_CHECKING:
    import keras


def find() -> dict[str, backbone.Backbone]:
    """Returns the backbones of all families by name, sorted.

    Raises:
      ValueError: two backbones have one name.
    """
    names = [module.name for module in pkgutil.iter_modules(families.__path__)]
    modules = [importlib.import_module(f"{families.__name__}.{name}") for name in names]
    found = [(name, entry) for module in modules for name, entry in module.BACKBONES.items()]
    twice = [name for name, count in Counter(name for name, _ in found).items() if count > 1]
    if twice:
        raise ValueError(f"Several backbones have the name {', '.join(twice)}.")
    return dict(sorted(found, key=lambda row: row[0]))


REGISTRY: dict[str, backbone.Backbone] = find()


def check_weights(name: str, weights: str) -> None:
    """Refuses weights that are not available.

    Weights that Keras downloads are not checked: they may be in Keras' cache.

    Args:
      name: a key of REGISTRY.
      weights: "imagenet", "random", or the path of a ``.weights.h5`` file.

    Raises:
      errors.ConfigError: they are not available; the message names the alternatives.
    """
    if weights == "random":
        return
    if weights == "imagenet":
        _check_imagenet(name)
        return
    path = Path(weights)
    if not path.is_file() or not path.name.endswith(".weights.h5"):
        found = "is not a .weights.h5 file" if path.is_file() else "does not exist"
        raise errors.ConfigError(f"--train.weights {weights} {found}; {_allowed(name)} is allowed.")


def _check_imagenet(name: str) -> None:
    entry = REGISTRY[name]
    if not entry.is_pretrained:
        raise errors.ConfigError(
            f"--train.weights imagenet: {name} is trained from scratch and has no ImageNet"
            f" weights; {_allowed(name)} is allowed."
        )
    if entry.package and importlib.util.find_spec(entry.package) is None:
        raise errors.ConfigError(
            f"The ImageNet weights of {name} come with the package"
            f" {entry.package.replace('_', '-')}, which is not installed. Install it, or give"
            " --train.weights FILE.weights.h5 or --train.weights random."
        )


def _allowed(name: str) -> str:
    """Describes the values of ``--train.weights`` for a backbone, for a message."""
    imagenet = "imagenet, " if REGISTRY[name].is_pretrained else ""
    return f"{imagenet}random or a .weights.h5 file of {name}"


def build(name: str, size_px: int, weights: str) -> "keras.Model":
    """Builds a backbone with its weights.

    Args:
      name: a key of REGISTRY.
      size_px: the side S of the input.
      weights: "imagenet", "random", or the path of a Keras ``.weights.h5`` file.

    Raises:
      errors.ConfigError: the size is too small, or the weights are not available; the message names
        the alternatives.
    """
    entry = REGISTRY[name]
    if size_px < entry.smallest_size_px:
        raise errors.ConfigError(
            f"{name} takes images of {entry.smallest_size_px} px or more, not {size_px} px."
        )
    check_weights(name, weights)
    network = entry.build(size_px)
    try:
        if weights == "imagenet" and entry.load_imagenet:
            entry.load_imagenet(network)
        elif weights != "random":
            with warnings.catch_warnings():
                # Keras only warns of layers without weights in the file; they would stay random.
                warnings.simplefilter("error", UserWarning)
                network.load_weights(Path(weights))
    except backbone.DownloadError as error:
        packaged = ", ".join(key for key, one in REGISTRY.items() if one.package)
        raise errors.ConfigError(
            f"The ImageNet weights of {name} cannot be downloaded ({error}): give --train.weights"
            " FILE.weights.h5 or --train.weights random, or a --train.backbone whose weights come"
            f" with a package ({packaged})."
        ) from error
    except (OSError, ValueError, UserWarning, torch_weights.WeightsFileError) as error:
        reason = str(error).split(". ")[0]  # Keras then lists every layer
        raise errors.ConfigError(
            f"The {weights} weights of {name} cannot be loaded: {reason}. --train.weights takes"
            f" {_allowed(name)}."
        ) from error
    return network
