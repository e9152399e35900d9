"""What the project takes of TFMA, under the same names in all its versions.

The messages of a configuration come from their own module: newer versions no longer offer them at the
top, but after ``tfx.components`` was imported, which a Beam worker need not have done.
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
