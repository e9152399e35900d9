"""Builds the files of the report from the outputs of the steps."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from components.evaluator import robustness
from components.image_validator import findings as validation
from components.predict import config as predict_config
from components.release_gate import decision, gate
from components.report import config as report_config
from components.report import content, lineage, model_card, page, pictures
from components.trainer import contract as trained_contract
from components.trainer import history as training_history
from components.trainer import served_model
from components.trainer.network import architecture, keras_archive
from data.examples import examples_artifact
from data.files import read_back
from tasks import result, task


@dataclass(frozen=True)
class Inputs:
    """Outputs of the steps and their places.

    Attributes:
      job: the settings.
      code: hash of the code that runs.
      run_id: the run's name.
      made_ms: artifact → the time of its creation, in milliseconds since 1970.
      examples_uri: the clean images.
      test_files: the shards of the test images' records.
      findings_uri: the output of ImageValidator.
      saved_model: the folder with saved_model.pb.
      model_run_uri: the files that training wrote beside the model.
      predictions_uri: the model's answers.
      decision_uri: the output of the release gate.
      result: the figures on the test split.
    """

    job: report_config.ReportJob
    code: str
    run_id: str
    made_ms: Mapping[str, int]
    examples_uri: str
    test_files: Sequence[str]
    findings_uri: str
    saved_model: Path
    model_run_uri: str
    predictions_uri: str
    decision_uri: str
    result: result.Result


def write(inputs: Inputs, uri: str) -> None:
    """Writes the page and the model card into a folder."""
    classifier = keras_archive.load(inputs.saved_model.parent / keras_archive.FILE)
    shown = read(inputs, classifier)
    files = {
        report_config.PAGE_FILE: page.render(shown),
        report_config.CARD_FILE: model_card.render(shown),
    }
    tf.io.gfile.makedirs(uri)
    for name, text in files.items():
        with tf.io.gfile.GFile(os.path.join(uri, name), "w") as file:
            file.write(text)


def read(inputs: Inputs, classifier: keras.Model) -> content.Content:
    """Reads the outputs of the steps, measures robustness, and draws the images to show.

    Args:
      inputs: the places of the outputs.
      classifier: as trained, pixels [B, S, S, 3] in 0–255 → logits float32 [B, K].
    """
    job, contract = inputs.job, trained_contract.read(inputs.saved_model)
    ingested = examples_artifact.read_report(inputs.examples_uri)
    candidate = (
        task.load(job.task)
        .answers.read(inputs.predictions_uri, predict_config.TEST_SPLIT)
        .aligned(job.labels)
    )
    chosen = task.load(job.task).panels.choose(candidate, job.config)
    trained = examples_artifact.shards(inputs.examples_uri, "train")
    explainer = served_model.explainer(classifier, contract["backbone"], job.task)
    return content.Content(
        job=job,
        run_id=inputs.run_id,
        made=lineage.when(inputs.made_ms["model"]),
        result=inputs.result,
        decided=decision.Decision.read(inputs.decision_uri),
        measured=gate.Measured.read(inputs.decision_uri),
        candidate=candidate,
        contract=contract,
        history=training_history.History.from_json(
            _text(inputs.model_run_uri, training_history.FILE)
        ),
        ingested=ingested,
        findings=validation.from_json(_text(inputs.findings_uri, validation.FINDINGS_FILE)),
        layers=_layers(classifier),
        robustness=robustness.of_network(
            classifier,
            contract,
            candidate,
            inputs.test_files,
            job.config.robustness_images,
            inputs.saved_model,
        ),
        origins=lineage.collect(job, ingested.source, inputs.code, inputs.made_ms),
        chosen=chosen,
        # Of most tasks, all images that are shown are test images, and the search ends with these.
        drawn=pictures.draw(explainer, contract, [*inputs.test_files, *trained], chosen),
    )


def _layers(classifier: keras.Model) -> list[architecture.Row]:
    try:
        return architecture.rows(classifier)
    except ValueError as error:
        # A layer without a formula removes the table, but not the report.
        logging.info("No architecture table: %s", error)
        return []


def _text(uri: str, name: str) -> str:
    return read_back.text(os.path.join(uri, name), "file of a step", read_back.STEP_AGAIN)
