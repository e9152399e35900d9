"""The TFX door to the baseline: which model a candidate is held against."""

from typing import Any

from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy


class LatestOtherBlessedModelStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """The latest blessed model that is not the candidate itself.

    Stock LatestBlessedModelStrategy would, on a second run without new data, resolve the model
    that the first run blessed, which is the candidate: evaluated against itself, it would be
    blessed and pushed again. Leaving the candidate out gives the same baseline as before, so
    the evaluation and the push come from the cache.

    Used with three channels: ``model``, ``model_blessing`` and ``candidate``.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """See the base class."""
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        others = {
            "model": [model for model in input_dict["model"] if model.id not in candidates],
            "model_blessing": input_dict["model_blessing"],
        }
        stock = latest_blessed_model_strategy.LatestBlessedModelStrategy()
        resolved = stock.resolve_artifacts(store, others)
        return {
            **(resolved or {"model": [], "model_blessing": []}),
            "candidate": input_dict["candidate"],
        }
