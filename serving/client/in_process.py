"""Predictions without a server, with a version loaded into this process."""

from collections.abc import Sequence
from pathlib import Path

from serving import errors, read_back
from serving.client import client, predicted, protocol
from serving.versions import versions

_BATCH = 32


class Model:
    """A version's SavedModel, loaded into this process.

    Args:
      name: the version's name in its predictions, such as its number.
      path: the folder with saved_model.pb.

    Raises:
      errors.UserError: it does not load, or has no ``serving_default``.
    """

    def __init__(self, name: str, path: Path) -> None:
        import tensorflow as tf

        self.name = name
        self.path = path
        try:
            self._loaded = tf.saved_model.load(str(path))
            self._serve = self._loaded.signatures["serving_default"]
        except Exception as error:  # of whatever kind: TensorFlow's loaders raise many
            reason = " ".join(str(error).split())[:200]
            raise errors.UserError(f"The version {path} does not load: {reason}") from error
        self._constant = tf.constant

    def predict(self, images: Sequence[bytes]) -> list[predicted.Prediction]:
        """Classifies encoded images in one batch; an unreadable one is not valid.

        Raises:
          errors.UserError: the model is not an image classifier.
        """
        try:
            outputs = self._serve(**{client.IMAGE_INPUT: self._constant(list(images))})
            values = {name: value.numpy() for name, value in outputs.items()}
            return predicted.of_answer(protocol.Answer(self.name, values))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise errors.UserError(f"{self.path} is no image classifier ({error!r}).") from error

    def predict_all(self, images: Sequence[bytes]) -> list[predicted.Prediction]:
        """Classifies encoded images batch by batch, see :meth:`predict`."""
        starts = range(0, len(images), _BATCH)
        return [one for start in starts for one in self.predict(images[start : start + _BATCH])]

    def labels(self) -> list[str]:
        """Returns the names of the classes in the order of the probabilities.

        Raises:
          errors.UserError: its contract has no labels.
        """
        path = self.path / "assets" / "contract.json"
        try:
            return [str(name) for name in read_back.file(path)["labels"]]
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise errors.UserError(f"{path} has no readable labels ({error}).") from error


def served(model_dir: Path) -> Model:
    """Loads the served version, which answers as the server would.

    Args:
      model_dir: the model's folder.

    Raises:
      errors.UserError: there is no version, or it does not load.
    """
    version = versions.served(model_dir)
    return Model(str(version.number), version.path)
