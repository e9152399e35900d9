"""The evidence of detection: limits, and the comparison with the served model on the same images.

Both models' matches are made once; a paired bootstrap then weights the images of both alike.
Dimension letters: N images, K classes, R replicates.
"""

from tasks import evaluate_config, evidence_config, gate_check, limits
from tasks.detection import figures
from tasks.detection.answers import Predictions


class Evidence:
    """See ``judging.Evidence``."""

    settings: frozenset[str] = frozenset()
    whole_check = "map50_against_served"
    class_check = "ap50_against_served"

    def limits(
        self,
        candidate: Predictions,
        config: evidence_config.EvidenceConfig,
        evaluate: evaluate_config.EvaluateConfig,
    ) -> list[gate_check.Check]:
        """See ``judging.Evidence``."""
        return limits.check(figures.FIGURES, candidate, config, evaluate)

    def against_served(
        self, candidate: Predictions, served: Predictions, config: evidence_config.EvidenceConfig
    ) -> list[gate_check.Check]:
        """See ``judging.Evidence``."""
        raise NotImplementedError


EVIDENCE = Evidence()
