"""The TFX door to warm starts: which model a training may start from."""

from typing import Any

from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy


class BlessedBeforeStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """The latest blessed model that is older than the images that are trained on.

    Stock LatestBlessedModelStrategy would, on a second run without new data, resolve the model
    that the first run blessed: training would have another input, and run again for ever. A
    model blessed before the pixels were made is the same whenever the run is repeated.

    Used with three channels: ``model``, ``model_blessing`` and ``pixels``.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """See the base class."""
        made = max(
            (artifact.mlmd_artifact.create_time_since_epoch for artifact in input_dict["pixels"]),
            default=0,
        )
        older = {
            name: [
                artifact
                for artifact in input_dict[name]
                if artifact.mlmd_artifact.create_time_since_epoch < made
            ]
            for name in ("model", "model_blessing")
        }
        stock = latest_blessed_model_strategy.LatestBlessedModelStrategy()
        resolved = stock.resolve_artifacts(store, older)
        return {
            **(resolved or {"model": [], "model_blessing": []}),
            "pixels": input_dict["pixels"],
        }
