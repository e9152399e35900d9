"""TFX adapter of warm starts: resolves the model that a training starts from."""

from typing import Any

from tfx.dsl.components.common import resolver

from components.pusher import released


class BlessedBeforeStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Resolves the latest blessed model that is older than the training images.

    On a second run without new data, stock LatestBlessedModelStrategy would resolve the model that
    the first run blessed: training would have another input and run again, without end. The latest
    model blessed before the pixels were made is the same whenever the run is repeated.

    Used with the channels of ``released.CHANNELS`` and ``pixels``.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """See the base class."""
        made = max((_made(artifact) for artifact in input_dict["pixels"]), default=0)
        return released.latest(store, input_dict, lambda artifact: _made(artifact) < made)


def _made(artifact: Any) -> int:
    return int(artifact.mlmd_artifact.create_time_since_epoch)
