"""The gate: floors, the served model's own gallery, and planted faults of a gallery."""

import pytest

from components.release_gate import config as gate_config
from data import errors
from tasks import evaluate_config
from tasks.similarity import evidence
from tests.tasks.similarity import made_predictions

CONFIG = gate_config.GateConfig(min_support=0, min_recall_at_1=0.6, min_recall=0.5)


def answered(rights, count=60, **settings):
    """``count`` queries of three classes in turn; those in ``rights`` find their class first."""
    label_ids = [place % 3 for place in range(count)]
    ranked = [
        [label if place in rights else (label + 1) % 3, *range(3)]
        for place, label in enumerate(label_ids)
    ]
    return made_predictions.predictions(ranked, label_ids, **settings)


def by_name(checks):
    return {check.name: check for check in checks}


def limits(found, **settings):
    config = CONFIG.model_copy(update=settings)
    return evidence.EVIDENCE.limits(found, config, evaluate_config.EvaluateConfig())


def test_floors_are_of_the_whole_and_of_each_class():
    checks = limits(answered(set(range(48))))
    assert [check.verdict for check in checks if check.name == "recall_at_1_floor"] == ["release"]
    assert "Recall@1 is 80.0% on 60 test images" in by_name(checks)["recall_at_1_floor"].message
    weak = limits(answered(set(range(0, 60, 3))))
    assert by_name(weak)["recall_at_1_floor"].verdict == "refuse"
    of_classes = [check.verdict for check in weak if check.name == "recall_floor"]
    assert of_classes == ["release", "refuse", "refuse"]


def test_a_loss_beyond_chance_is_refused_and_a_small_one_is_not():
    good, bad = answered(set(range(57))), answered(set(range(30)))
    found = by_name(evidence.EVIDENCE.against_served(bad, good, CONFIG))
    whole = found[evidence.RECALL]
    assert whole.verdict == "refuse" and "Recall@1 fell from 95.0% to 50.0%" in whole.message
    assert (whole.figures["lost"], whole.figures["gained"]) == (27, 0)
    assert whole.figures["p_value"] < 1e-6
    same = evidence.EVIDENCE.against_served(good, good, CONFIG)
    assert by_name(same)[evidence.RECALL].verdict == "release"


def test_the_served_model_is_judged_by_its_own_gallery_and_labels():
    """Its label map is another one, and its gallery lacks a class."""
    candidate = answered(set(range(60)))
    served = answered(set(range(60)), labels=["b", "c", "a"], counts=(1, 1, 1))
    found = by_name(evidence.EVIDENCE.against_served(candidate, served, CONFIG))
    # Its numbers mean other classes, so that no neighbour of its is right.
    assert found[evidence.RECALL].figures["served_right"] == 0
    known = answered(set(range(60)), labels=["a", "b", "other"])
    checks = by_name(evidence.EVIDENCE.against_served(candidate, known, CONFIG))
    assert "The served model does not know 'c': the 20 test images" in checks["new_classes"].message
    assert checks[evidence.RECALL].figures["count"] == 40


def test_answers_about_different_images_are_a_fault():
    with pytest.raises(errors.PipelineError, match="60 images and the served model about 59"):
        evidence.EVIDENCE.against_served(answered(set()), answered(set()).taken(range(59)), CONFIG)


def spoiled(**changes):
    health = {**made_predictions.SOUND["health"], "compared": 100, **changes}
    return answered(set(range(60)), gallery={**made_predictions.SOUND, "health": health})


def test_a_gallery_with_bad_vectors_is_refused():
    found = by_name(limits(spoiled(bad=2)))[evidence.BAD_VECTORS]
    assert found.verdict == "refuse" and "2 of 6 images of the gallery have a vector of zeros" in (
        found.message
    )
    assert by_name(limits(spoiled()))[evidence.BAD_VECTORS].verdict == "release"


def test_a_collapsed_gallery_is_refused_by_the_limit():
    found = by_name(limits(spoiled(mean_cosine=0.97)))[evidence.COLLAPSE]
    assert found.verdict == "refuse" and "all images look alike" in found.message
    allowed = limits(spoiled(mean_cosine=0.97), max_mean_cosine=0.98)
    assert by_name(allowed)[evidence.COLLAPSE].verdict == "release"


def test_a_hub_is_told_and_refuses_nothing():
    found = by_name(limits(spoiled(hub_share=0.8)))[evidence.HUBS]
    assert found.verdict == "release" and "x.jpg is among the ten nearest of 80%" in found.message
    assert evidence.HUBS not in by_name(limits(spoiled(hub_share=0.4)))
