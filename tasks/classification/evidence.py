"""The evidence of classification: limits, and accuracy and recalls against the served model.

Dimension letters: N images, K classes.
"""

from typing import TYPE_CHECKING

from tasks import against_served, evaluate_config, evidence_config, gate_check, limits
from tasks.classification import figures

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.classification.answers import Predictions

ACCURACY = "accuracy_against_served"
RECALL = "recall_against_served"


class Evidence:
    """See ``judging.Evidence``."""

    settings = frozenset({"max_accuracy_drop", "max_recall_drop"})
    whole_check = ACCURACY
    class_check = RECALL

    def limits(
        self,
        candidate: "Predictions",
        config: evidence_config.EvidenceConfig,
        evaluate: evaluate_config.EvaluateConfig,
    ) -> list[gate_check.Check]:
        """See ``judging.Evidence``."""
        return limits.check(figures.FIGURES, candidate, config, evaluate)

    def against_served(
        self,
        candidate: "Predictions",
        served: "Predictions",
        config: evidence_config.EvidenceConfig,
    ) -> list[gate_check.Check]:
        """Compares two models on the images of the classes that the served model knows.

        Where the images come in spans, the two are also compared on the images of the oldest span,
        a set that stays the same, and on those of the newest.

        Args:
          candidate: the candidate's answers, with the labels of the data, which label_ids number.
          served: the served model's answers about the same images, with its own labels.
          config: margins, confidence and method.

        Raises:
          errors.PipelineError: the two answers are about different images.
        """
        return against_served.one_class(
            candidate,
            served,
            against_served.Rate(ACCURACY, "Accuracy", config.max_accuracy_drop),
            against_served.Rate(RECALL, "Recall of", config.max_recall_drop),
            config,
        )


EVIDENCE = Evidence()
