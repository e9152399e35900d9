"""The TFX adapter of the steps that replace resolvers: they find and keep earlier models."""

import logging
import shutil
from pathlib import Path

from tfx.components.evaluator import constants
from tfx.dsl.component.experimental import annotations, decorators
from tfx.types import standard_artifacts

from pipeline.kubeflow import executor_input, released


@decorators.component
def EarlierModel(
    model: annotations.OutputArtifact[standard_artifacts.Model],
    released_dir: annotations.Parameter[str],
    pixels: annotations.InputArtifact[standard_artifacts.Examples] = None,
    candidate: annotations.InputArtifact[standard_artifacts.Model] = None,
) -> None:
    """Finds the last released model other than the candidate.

    Cached like any step, it gives the first result again for the same inputs, as the strategies
    of the replaced resolvers do.

    Args:
      model: a copy, or an empty model marked as absent: an output cannot be omitted.
      released_dir: where released models are kept.
      pixels: the training data.
      candidate: the model that will be compared with it.
    """
    found = released.latest(Path(released_dir), Path(candidate.uri) if candidate else None)
    if found is None:
        Path(model.uri).mkdir(parents=True, exist_ok=True)
        model.set_int_custom_property(executor_input.ABSENT, 1)
        logging.info("No earlier model was released.")
        return
    shutil.copytree(found, model.uri, dirs_exist_ok=True)
    logging.info("The earlier model is %s.", found)


@decorators.component
def KeepModel(
    model: annotations.InputArtifact[standard_artifacts.Model],
    blessing: annotations.InputArtifact[standard_artifacts.ModelBlessing],
    released_dir: annotations.Parameter[str],
    infra_blessing: annotations.InputArtifact[standard_artifacts.InfraBlessing] = None,
) -> None:
    """Keeps a released model for later runs.

    Args:
      model: the candidate.
      blessing: of the release gate.
      released_dir: where released models are kept.
      infra_blessing: of the trial on a server; None if there was none.
    """
    for verdict in (blessing, infra_blessing):
        if verdict and not verdict.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY):
            logging.info("The model was not released: it is not kept.")
            return
    logging.info("Kept as %s.", released.keep(Path(model.uri), Path(released_dir)))
