"""TFMA adapter of evaluation: builds the EvalConfig for stock Evaluator from our settings."""

import json

from components.evaluator import tfma
from tasks import evaluate_config, task
from tasks.statistics import slicing

CONFUSION = "confusion_matrix"
EXAMPLE_COUNT = "example_count"
EXTRACTORS = "components.evaluator.extractors"


def build(
    task_name: str, config: evaluate_config.EvaluateConfig, labels: list[str], code: str = ""
) -> tfma.EvalConfig:
    """Builds the EvalConfig with metrics and slices; it has no thresholds.

    No model is loaded: the examples come from Predict and hold the exported model's answer about
    each image as a feature of their own. Slices by ranges need the extractors of
    ``EXTRACTORS`` as the Evaluator's ``module_path``.

    Args:
      task_name: the task's name.
      config: the metrics' settings and the slices.
      labels: the label map.
      code: hash of the evaluation code.
    """
    asked = config.for_classes(len(labels))
    figures = task.load(task_name).figures
    # At threshold 0 the predicted class is the most probable one, and a bad image, whose
    # probabilities are all 0, counts as having no prediction. TFMA's accuracies would count it as
    # predicted as the first class.
    confusion = [_metric("MultiClassConfusionMatrixAtThresholds", CONFUSION, thresholds=[0.0])]
    keys = [row.key for row in slicing.slicings(config.slices, config.size_bounds_px)]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(label_key=figures.label_key, prediction_key=figures.prediction_key)
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[key]) for key in keys),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    _metric("ExampleCount", EXAMPLE_COUNT),
                    *(confusion if figures.has_confusion else []),
                    tfma.MetricConfig(
                        class_name="FiguresMetric",
                        module="components.evaluator.figures_metric",
                        config=json.dumps(
                            {"task_name": task_name, "config": asked.model_dump(), "code": code}
                        ),
                    ),
                ]
            ),
        ],
    )


def _metric(class_name: str, name: str, **options: object) -> tfma.MetricConfig:
    return tfma.MetricConfig(class_name=class_name, config=json.dumps({"name": name, **options}))
