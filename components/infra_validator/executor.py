"""TFX adapter of the trial: a model and test images → an infra blessing with warm-up requests."""

import logging
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tfx.components.evaluator import constants
from tfx.components.infra_validator import executor
from tfx.types import artifact

from components.infra_validator import config, trial
from components.release_gate.parity import probe, server_stage, server_trial
from data import errors
from data.examples import examples_artifact

SETTINGS = "settings"
DECISION = "decision"
REASON = "reason"


class Executor(executor.Executor):  # type: ignore[misc]
    """Writes stock blessings and warm-up requests; the trial is this package's own.

    The stock executor supports only Docker and Kubernetes, and sends serialized tf.Examples to
    TensorFlow Serving; this one starts the server as a process and sends images. Where the release
    gate has already done so, it reuses the server's answers.
    """

    def Do(
        self,
        input_dict: dict[str, list[artifact.Artifact]],
        output_dict: dict[str, list[artifact.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class, which stops the server on SIGTERM too."""
        self._job = config.InfraJob.model_validate_json(exec_properties[SETTINGS])
        self._gate_uri = next((one.uri for one in input_dict.get(DECISION, [])), None)
        super().Do(input_dict, output_dict, exec_properties)

    def _Do(
        self,
        model: artifact.Artifact,
        examples: artifact.Artifact,
        blessing: artifact.Artifact,
        serving_spec: Any,
        validation_spec: Any,
        request_spec: Any,
    ) -> None:
        saved_model = self._PrepareModelPath(model, serving_spec)
        try:
            about = trial.About.read(Path(saved_model))
            files = examples_artifact.shards(examples.uri, "test")
            settings = self._job.config
            images = server_trial.images(files, settings.requests, about.classes)
            found = trial.run(Path(saved_model), images, about, settings, self._gate_uri)
        except errors.PipelineError as error:
            found = trial.Trial(False, str(error))
        logging.info("%s%s", found.sentence, found.details)
        found.write(blessing.uri)
        blessing.set_string_custom_property(REASON, found.sentence)
        # As in a model blessing, so that a resolver finds the model of this blessing.
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
        )
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
        if found.ok:
            executor._mark_blessed(blessing)
            requests = [_warm_up(self._job.model_name, image) for image in trial.warm_ups()]
            self._CreateWarmupModel(blessing, saved_model, requests)
        else:
            executor._mark_not_blessed(blessing)


def _warm_up(model_name: str, image: bytes) -> predict_pb2.PredictRequest:
    """Builds a request that TensorFlow Serving sends to the model before it serves it."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model_name
    request.model_spec.signature_name = probe.DEFAULT_SIGNATURE
    request.inputs[server_stage.IMAGES_INPUT].CopyFrom(tf.make_tensor_proto([image]))
    return request
