"""TFMA adapter of slicing: adds the ranges of sizes and other features as slice keys.

Stock Evaluator loads this module by ``module_path`` and calls ``custom_extractors``.
"""

from typing import Any

import apache_beam as beam

from components.evaluator import tfma
from tasks.statistics import slicing


def custom_extractors(
    eval_shared_model: Any, eval_config: tfma.EvalConfig, tensor_adapter_config: Any = None
) -> list[tfma.Extractor]:
    """Returns TFMA's extractors with ours inserted after the first, which parses the records."""
    parse, *others = tfma.default_extractors(
        eval_shared_model=eval_shared_model,
        eval_config=eval_config,
        tensor_adapter_config=tensor_adapter_config,
    )
    keys = [
        slicing.Slicing.parse(key)
        for spec in eval_config.slicing_specs
        for key in spec.feature_keys
    ]
    ranged = [key for key in keys if key.bounds]
    ours = tfma.Extractor(stage_name="ExtractRanges", ptransform=beam.Map(_add_ranges, ranged))
    return [parse, ours, *others]


def _add_ranges(extracts: dict[str, Any], ranged: list[slicing.Slicing]) -> dict[str, Any]:
    features = extracts[tfma.FEATURES_KEY]
    found = {key.key: key.ranges(features) for key in ranged}
    found = {key: values for key, values in found.items() if values is not None}
    return {**extracts, tfma.FEATURES_KEY: {**features, **found}}
