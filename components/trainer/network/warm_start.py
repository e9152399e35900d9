"""Starts training from the last model instead of from the backbone's weights.

Of a model of another task, only the backbone's weights are taken. Classes are matched by name: the
head's weights for a known class are copied, whatever its index is now, and those for a new class
are drawn at random.
"""

import dataclasses
import enum
from dataclasses import dataclass
from pathlib import Path

import keras

from components.preprocess import materialise
from components.trainer import contract
from components.trainer.network import keras_archive, model, stored
from data.files import read_back
from tasks import task

# Names of the weights that training starts from, in its history.
PRETRAINED, RANDOM, LAST = "the backbone's weights", "random weights", "the last blessed model"


class Fit(enum.Enum):
    """Outcome: the last model's weights were copied, all or the backbone's, or why none was."""

    TAKEN = enum.auto()
    BACKBONE_TAKEN = enum.auto()
    OTHER_BACKBONE = enum.auto()
    OTHER_LAYERS = enum.auto()
    UNREADABLE = enum.auto()


@dataclass(frozen=True)
class Start:
    """Weights that a classifier starts from.

    Attributes:
      fit: whether they are those of the last model.
      sentence: their name and the reason, for the history of the training.
      new_classes: number of classes that the last model does not have; 0 if it was not used.
    """

    fit: Fit
    sentence: str
    new_classes: int = 0


def apply(
    classifier: keras.Model,
    spec: materialise.Spec,
    backbone: str,
    base: Path,
    otherwise: str = PRETRAINED,
) -> Start:
    """Copies the weights of an exported model into a new one.

    Args:
      classifier: from model.build.
      spec: its label map and its task.
      backbone: its registered name.
      base: the folder of the SavedModel, with its ``.keras`` file beside it.
      otherwise: name of the weights that the classifier keeps if the models do not match.

    Returns:
      The weights it starts from; the previous ones if the models do not match.
    """
    try:
        described = contract.read(base)
        if described["backbone"] != backbone:
            return Start(
                Fit.OTHER_BACKBONE,
                f"{otherwise}: the last model has the backbone {described['backbone']}",
            )
        made_for = dataclasses.replace(spec, labels=described["labels"], task=described["task"])
        keras_file, sides = base.parent / keras_archive.FILE, described.get("windows", 1)
        last = stored.read(keras_file, backbone, made_for, sides)
    except stored.OtherLayersError:
        return Start(Fit.OTHER_LAYERS, f"{otherwise}: the last model has other layers")
    except (read_back.ReadError, *read_back.BROKEN) as error:
        sentence = f"{otherwise}: the last model cannot be read ({type(error).__name__})"
        return Start(Fit.UNREADABLE, sentence)
    weights = last.get_layer(model.BACKBONE_LAYER).get_weights()
    classifier.get_layer(model.BACKBONE_LAYER).set_weights(weights)
    if described["task"] != spec.task:
        sentence = f"{LAST}, its backbone alone: its task is {described['task']}"
        return Start(Fit.BACKBONE_TAKEN, sentence)
    head = task.load(spec.task).head
    added = len(spec.labels) - head.copy_known(last, classifier, described["labels"], spec.labels)
    sentence = LAST + (f", with {added} new classes" if added else "")
    return Start(Fit.TAKEN, sentence, added)
