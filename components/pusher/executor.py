"""TFX adapter of the push: blessings and a model → a version, or none."""

import json
import logging
from pathlib import Path

from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact, artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from components.pusher import config, push

SETTINGS = "push"
REASON = "reason"


class Executor(executor.Executor):  # type: ignore[misc]
    """Uses the stock blessings, paths and properties; :mod:`components.pusher.push` copies."""

    def Do(
        self,
        input_dict: dict[str, list[artifact.Artifact]],
        output_dict: dict[str, list[artifact.Artifact]],
        exec_properties: dict[str, str],
    ) -> None:
        """See the base class.

        A model that is there already is not pushed; its version and destination are still
        recorded.
        """
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
        )
        serving_dir = destination.filesystem.base_directory
        if "://" in serving_dir:
            # An object store has no rename: there, stock Pusher copies saved_model.pb last.
            super().Do(input_dict, output_dict, exec_properties)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed_model = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        custom = json.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        model = self.GetModelPath(input_dict)
        outcome = push.push(
            Path(model),
            Path(serving_dir),
            config.PushConfig.model_validate_json(custom[SETTINGS]).keep_versions,
        )
        logging.info(outcome.sentence)
        self._MarkPushed(
            pushed_model,
            pushed_destination=str(outcome.path),
            pushed_version=str(outcome.number),
        )
        pushed_model.set_string_custom_property(REASON, outcome.sentence)
        if outcome.pushed:
            io_utils.copy_dir(model, pushed_model.uri)
        else:
            self._MarkNotPushed(pushed_model)
