"""The evidence of multi-label classification: limits, and labels against the served model.

Dimension letters: N images, K labels.
"""

from typing import TYPE_CHECKING

import numpy as np

from tasks import against_served, evaluate_config, evidence_config, gate_check, limits
from tasks.multilabel import figures
from tasks.statistics import paired

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.multilabel.answers import Predictions

ACCURACY = "accuracy_against_served"
LABEL = "label_against_served"


class Evidence:
    """See ``judging.Evidence``."""

    settings = frozenset({"max_accuracy_drop", "max_label_drop"})
    whole_check = ACCURACY
    class_check = LABEL

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
        """Compares two models on the labels that the served model knows.

        The whole is the share of images to which exactly the true labels are given, of the images
        whose labels the served model knows. A label is compared on the images that have it or get
        it from one of the models: on the others both are right, and of a rare label they are so
        many that nothing would count.

        Args:
          candidate: the candidate's answers, with the labels of the data, which truths number.
          served: the served model's answers about the same images, with its own labels.
          config: margins, confidence and method.

        Raises:
          errors.PipelineError: the two answers are about different images.
        """
        labels = candidate.labels
        known_names = [name for name in labels if name in set(served.labels)]
        new_names = [name for name in labels if name not in set(served.labels)]
        first, second = against_served.same_images(candidate, served.aligned(labels))
        is_new = np.array([name in set(new_names) for name in labels], bool)
        known = ~first.truths[:, is_new].any(1)
        about_new = (
            [against_served.new_classes(new_names, int((~known).sum()))] if new_names else []
        )
        if not known_names or not known.any():
            return about_new
        # A new label that the candidate gives to an image is judged by the limits alone.
        right = [(one.given == one.truths)[:, ~is_new].all(1) for one in (second, first)]
        classes = {}
        for name in known_names:
            place = labels.index(name)
            truths, gave = first.truths[:, place], [one.given[:, place] for one in (second, first)]
            about = truths | gave[0] | gave[1]
            if about.any():
                classes[name] = paired.Pairs.of(*(own[about] == truths[about] for own in gave))
        whole, *others = against_served.check(
            (
                against_served.Rate(ACCURACY, "Subset accuracy", config.max_accuracy_drop),
                paired.Pairs.of(*(own[known] for own in right)),
            ),
            against_served.Rate(LABEL, "The share of right answers about", config.max_label_drop),
            classes,
            {
                name: paired.Pairs.of(*(own[of] for own in right))
                for name, of in against_served.sets(first.spans, known).items()
            },
            config,
        )
        return [whole, *about_new, *others]


EVIDENCE = Evidence()
