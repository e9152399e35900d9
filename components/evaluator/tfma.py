"""The parts of TFMA that the project uses, under the same names in all its versions.

The configuration's protobuf messages come from their own module: newer versions offer them at
the top level only after ``tfx.components`` was imported, which a Beam worker may not have done.
"""

from tensorflow_model_analysis import default_extractors, load_metrics
from tensorflow_model_analysis.constants import FEATURES_KEY
from tensorflow_model_analysis.extractors import Extractor
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto.config_pb2 import (
    EvalConfig,
    MetricConfig,
    MetricsSpec,
    ModelSpec,
    SlicingSpec,
)

__all__ = [
    "FEATURES_KEY",
    "EvalConfig",
    "Extractor",
    "MetricConfig",
    "MetricsSpec",
    "ModelSpec",
    "SlicingSpec",
    "default_extractors",
    "load_metrics",
    "metric_types",
    "metric_util",
]
