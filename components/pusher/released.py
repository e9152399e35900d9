"""TFX adapter of the released models, shared by the resolver strategies."""

from collections.abc import Callable
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy

CHANNELS = ("model", "model_blessing", "infra_blessing")


def latest(
    store: Any, input_dict: dict[str, list[Any]], wanted: Callable[[Any], bool]
) -> dict[str, list[Any]]:
    """Returns the latest model that the gate blessed and that no trial on the server refused.

    Args:
      store: the store of ML Metadata.
      input_dict: artifacts by the names in CHANNELS; other names are returned unchanged.
      wanted: returns true for a model or a model blessing that may be used.

    Returns:
      ``input_dict`` with one model and its blessing, or with neither.
    """
    refused = {
        blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)
        for blessing in input_dict["infra_blessing"]
        if not blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
    }
    left = {
        "model": [
            model for model in input_dict["model"] if wanted(model) and model.id not in refused
        ],
        "model_blessing": [row for row in input_dict["model_blessing"] if wanted(row)],
    }
    stock = latest_blessed_model_strategy.LatestBlessedModelStrategy()
    resolved = stock.resolve_artifacts(store, left) or {"model": [], "model_blessing": []}
    return {**input_dict, **resolved}
