"""The evidence of classification: limits, and accuracy and recalls against the served model.

Dimension letters: N images, K classes.
"""

from typing import TYPE_CHECKING

import numpy as np

from tasks import against_served, evaluate_config, evidence_config, gate_check, limits
from tasks.classification import figures
from tasks.statistics import paired

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
        labels = candidate.labels
        known_names = [name for name in labels if name in set(served.labels)]
        new_names = [name for name in labels if name not in set(served.labels)]
        first, second = against_served.same_images(candidate, served.aligned(labels))
        label_ids = first.label_ids
        known = np.isin(label_ids, [labels.index(name) for name in known_names])
        about_new = (
            [against_served.new_classes(new_names, int((~known).sum()))] if new_names else []
        )
        if not known.any():
            return about_new
        members = {name: label_ids == labels.index(name) for name in known_names}
        whole, *others = against_served.check(
            (
                against_served.Rate(ACCURACY, "Accuracy", config.max_accuracy_drop),
                _pairs(first, second, known),
            ),
            against_served.Rate(RECALL, "Recall of", config.max_recall_drop),
            {name: _pairs(first, second, of) for name, of in members.items() if of.any()},
            {
                name: _pairs(first, second, of)
                for name, of in against_served.sets(first.spans, known).items()
            },
            config,
        )
        return [whole, *about_new, *others]


def _pairs(candidate: "Predictions", served: "Predictions", chosen: np.ndarray) -> paired.Pairs:
    return paired.Pairs.of(served.right[chosen], candidate.right[chosen])


EVIDENCE = Evidence()
