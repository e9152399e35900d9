"""TFX adapter of the release gate: models and test images → a decision and a blessing.

The blessing has stock Evaluator's format, so that stock Pusher and resolvers can read it.
"""

import os
from pathlib import Path

from tfx.components.evaluator import constants
from tfx.dsl.component.experimental import annotations, decorators
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_utils

from components.predict import artifacts as predict_artifacts
from components.preprocess import materialise
from components.release_gate import artifacts, config, gate
from components.trainer.network import keras_archive
from data.examples import examples_artifact


@decorators.component
def ReleaseGate(
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    pixels: annotations.InputArtifact[standard_artifacts.Examples],
    model: annotations.InputArtifact[standard_artifacts.Model],
    predictions: annotations.InputArtifact[predict_artifacts.Predictions],
    blessing: annotations.OutputArtifact[standard_artifacts.ModelBlessing],
    decision: annotations.OutputArtifact[artifacts.ReleaseDecision],
    settings: annotations.Parameter[str],
    code: annotations.Parameter[str],
    baseline_model: annotations.InputArtifact[standard_artifacts.Model] = None,
) -> None:
    """Decides whether the model may take the place of the one in serving.

    Args:
      examples: clean images; the test split is used.
      pixels: the pixels that the candidate was trained on.
      model: the candidate.
      predictions: its answers.
      blessing: the blessing for Pusher.
      decision: the verdict with its reasons.
      settings: a GateJob as JSON.
      code: hash of the code that runs; part of the cache key.
      baseline_model: the model in serving; none before the first release.
    """
    serving_model = Path(path_utils.serving_model_path(model.uri))
    outcome = gate.run(
        config.GateJob.model_validate_json(settings),
        labels=examples_artifact.read_labels(examples.uri),
        tested=gate.Tested(examples_artifact.shards(examples.uri, "test"), predictions.uri),
        candidate_dir=serving_model,
        trained=gate.Trained(
            serving_model.parent / keras_archive.FILE,
            materialise.Spec.read(pixels.uri),
            examples_artifact.shards(pixels.uri, "eval"),
        ),
        served_dir=Path(path_utils.serving_model_path(baseline_model.uri))
        if baseline_model
        else None,
        corrected=examples_artifact.read_report(examples.uri).corrections.old_of("test"),
    )
    gate.write(decision.uri, outcome)
    _bless(blessing, outcome.decision.blessed, model, baseline_model)


def _bless(
    blessing: standard_artifacts.ModelBlessing,
    blessed: bool,
    model: standard_artifacts.Model,
    baseline_model: standard_artifacts.Model | None,
) -> None:
    """Writes the blessing in the format of tfx.components.evaluator.executor."""
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline_model:
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline_model.uri
        )
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline_model.id
        )
    name, value = (
        (constants.BLESSED_FILE_NAME, constants.BLESSED_VALUE)
        if blessed
        else (constants.NOT_BLESSED_FILE_NAME, constants.NOT_BLESSED_VALUE)
    )
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
