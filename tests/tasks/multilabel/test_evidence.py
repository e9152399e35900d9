import numpy as np
import pytest

from components.release_gate import config
from data import errors
from tasks import evaluate_config, evidence_config
from tasks.multilabel.evidence import EVIDENCE
from tests.tasks.multilabel.answered import LABELS, Sample, answered

CONFIG = config.GateConfig()


class Limits(evidence_config.EvidenceConfig):
    """The settings of the limits that are used here, as the gate's have them for every metric."""

    min_map: float | str = evidence_config.AUTO
    max_hamming_loss: float | None = None
    min_recall: float | None = None
    min_accuracy: float | None = None


def models(count: int, lost: int, gained: int, extra: int = 0, labels=LABELS):
    """(candidate, served): every image is a bus, every tenth a cat too; they differ on cats.

    The candidate misses ``lost`` cats that the served model finds, finds ``gained`` that it misses,
    and gives the label to ``extra`` images that are no cats.
    """
    truths = np.zeros([count, 4], bool)
    truths[:, 0] = True
    truths[::10, 1] = True
    cats, others = np.flatnonzero(truths[:, 1]), np.flatnonzero(~truths[:, 1])
    candidate, served = truths.astype(np.float32), truths.astype(np.float32)
    candidate[cats[:lost], 1] = 0
    served[cats[lost : lost + gained], 1] = 0
    candidate[others[:extra], 1] = 1
    return answered(candidate, truths), answered(served, truths, labels=labels)


def of_label(checks, name):
    return next(one for one in checks if one.figures.get("class") == name)


def test_lost_images_of_a_rare_label_refuse():
    checks = EVIDENCE.against_served(*models(300, lost=12, gained=0), CONFIG)
    found = of_label(checks, "cat")
    assert found.verdict == "refuse"
    assert found.message.startswith(
        "The share of right answers about 'cat' fell from 100.0% to 60.0% on 30 test images: 12"
        " images that the served model got right are wrong now, 0 the other way; that is beyond"
    )
    assert of_label(checks, "bus").verdict == "release"
    whole = checks[0]
    assert whole.name == "accuracy_against_served"
    assert whole.message.startswith("Subset accuracy fell from 100.0% to 96.0% on 300 test images")


def test_a_label_that_is_given_too_often_refuses_too():
    checks = EVIDENCE.against_served(*models(300, lost=0, gained=0, extra=40), CONFIG)
    found = of_label(checks, "cat")
    assert found.verdict == "refuse"
    assert found.figures["count"] == 70  # the images that have it or get it


def test_labels_that_no_image_has_or_gets_are_not_compared():
    checks = EVIDENCE.against_served(*models(300, lost=0, gained=0), CONFIG)
    named = {one.figures.get("class") for one in checks}
    assert named == {None, "bus", "cat"}
    assert {one.verdict for one in checks} == {"release"}


def test_equal_models_are_rarely_refused():
    """By Holm's correction in at most 5 % of the comparisons, whatever the number of labels."""
    generator = np.random.default_rng(0)
    strict = config.GateConfig(max_accuracy_drop=0, max_label_drop=0)
    truths = generator.random((120, 20)) < 0.3
    names = [f"label {number}" for number in range(20)]
    refused = 0
    for _ in range(100):
        rows = [np.where(generator.random(truths.shape) < 0.1, ~truths, truths) for _ in range(2)]
        checks = EVIDENCE.against_served(
            *(answered(row.astype(float), truths, labels=names) for row in rows), strict
        )
        refused += any(one.verdict == "refuse" for one in checks)
    assert refused <= 5


def test_a_label_that_the_served_model_does_not_know():
    candidate, served = models(300, 0, 0, labels=["bus", "tram", "dog", "rare"])
    checks = EVIDENCE.against_served(candidate, served, CONFIG)
    new_classes = next(one for one in checks if one.name == "new_classes")
    assert new_classes.figures == {"classes": ["cat"], "images": 30}
    assert checks[0].figures["count"] == 270
    assert "cat" not in {one.figures.get("class") for one in checks}


def test_a_served_model_that_knows_no_label_is_compared_on_nothing():
    candidate, served = models(300, 0, 0, labels=["w", "x", "y", "z"])
    (new_classes,) = EVIDENCE.against_served(candidate, served, CONFIG)
    assert new_classes.name == "new_classes"


def test_answers_about_other_images_are_an_error():
    candidate, served = models(300, 0, 0)[0], models(290, 0, 0)[1]
    with pytest.raises(
        errors.PipelineError, match="about 300 images and the served model about 290"
    ):
        EVIDENCE.against_served(candidate, served, CONFIG)


def test_limits_are_those_of_the_tasks_own_metrics():
    wanted = Limits(min_map=0.9, max_hamming_loss=0.01, min_recall=0.2, min_accuracy=0.99)
    checks = EVIDENCE.limits(Sample().predictions(), wanted, evaluate_config.EvaluateConfig())
    found = {one.name: one.verdict for one in checks if "class" not in one.figures}
    assert found == {
        "map_floor": "refuse",
        "hamming_loss_ceiling": "refuse",
        "small_classes": "release",
    }
    recalls = {one.figures["class"]: one.verdict for one in checks if one.name == "recall_floor"}
    assert recalls == {"bus": "release", "cat": "release", "dog": "release"}
    assert "'rare' (0)" in checks[-1].message


def test_by_default_the_mean_average_precision_must_be_a_half():
    checks = EVIDENCE.limits(Sample().predictions(), Limits(), evaluate_config.EvaluateConfig())
    assert [one.name for one in checks] == ["map_floor"]
    assert checks[0].message.endswith("at least 50.0% is needed.")
