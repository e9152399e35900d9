"""TFX adapter of the baseline: resolves the model that a candidate is compared with."""

from typing import Any

from tfx.dsl.components.common import resolver

from components.pusher import released


class LatestOtherBlessedModelStrategy(resolver.ResolverStrategy):  # type: ignore[misc]
    """Resolves the latest blessed model that is not the candidate itself.

    Stock LatestBlessedModelStrategy would, on a second run without new data, resolve the model
    that the first run blessed, which is the candidate: compared with itself, it would be blessed
    and pushed again. Without the candidate the baseline is the same as before, so the evaluation
    and the push come from the cache.

    Used with the channels of ``released.CHANNELS`` and ``candidate``.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """See the base class."""
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        # A blessing has an id of its own, which no model has.
        return released.latest(store, input_dict, lambda artifact: artifact.id not in candidates)
