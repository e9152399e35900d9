"""TFX adapter of the push: stock Pusher with a push that is atomic and skips a served model."""

from tfx import types
from tfx.components.pusher import component
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2

from components.pusher import config, executor


class Pusher(component.Pusher):  # type: ignore[misc]
    """Pushes a blessed model into a folder of versions.

    Args:
      serving_dir: the model's folder of versions; a remote one gets the stock push.
      settings: the configuration; part of the cache key.
      code: hash of the code that runs; part of the cache key.
      model: the trained model; None: that of ``infra_blessing``, with its warm-up requests.
      model_blessing: the release gate's.
      infra_blessing: the one of the trial on a server; None: there was no trial.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        serving_dir: str,
        settings: config.PushConfig,
        code: str,
        model: types.BaseChannel | None = None,
        model_blessing: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_dir)
            ),
            custom_config={executor.SETTINGS: settings.model_dump_json(), "code": code},
        )
