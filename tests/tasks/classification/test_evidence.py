import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.release_gate import config
from data import errors
from tasks import against_served
from tasks.classification.evidence import EVIDENCE
from tests.tasks.classification.answered import chosen

LABELS = ["glass", "metal", "paper"]
CONFIG = config.GateConfig()


def of_class(checks, name):
    (found,) = [check for check in checks if check.figures.get("class") == name]
    return found


def shuffled(one, seed):
    order = np.random.default_rng(seed).permutation(len(one.paths))
    rows = {
        field: getattr(one, field)[order]
        for field in ("label_ids", "probabilities", "valid", "outlier_scores")
    }
    return dataclasses.replace(one, paths=[one.paths[index] for index in order], **rows)


def models(lost: int, gained: int, count: int = 24, others: int = 200):
    """(candidate, served) that differ on glass only; there are others of metal."""
    ids = [0] * count + [1] * others
    served = [1] * gained + [0] * (count - gained) + [1] * others
    candidate = [0] * (count - lost) + [2] * lost + [1] * others
    return chosen(LABELS, ids, candidate), chosen(LABELS, ids, served)


def test_a_refused_class_in_words():
    check = of_class(EVIDENCE.against_served(*models(lost=12, gained=1), CONFIG), "glass")
    assert check.verdict == "refuse"
    assert check.message == (
        "Recall of 'glass' fell from 95.8% to 50.0% on 24 test images: 12 images that the served"
        " model got right are wrong now, 1 the other way; that is beyond chance (p = 0.005), and"
        " only 10.0 points are allowed."
    )
    assert check.figures["difference"] == pytest.approx(-11 / 24)
    assert check.figures["comparisons"] == 3


def test_an_inconclusive_class_says_how_many_images_it_takes():
    check = of_class(EVIDENCE.against_served(*models(lost=5, gained=1), CONFIG), "glass")
    assert check.verdict == "inconclusive"
    assert check.message == (
        "Recall of 'glass' fell from 95.8% to 79.2% on 24 test images: 5 images that the served"
        " model got right are wrong now, 1 the other way; 10.0 points are allowed, but that may be"
        " chance (p = 0.328). That is too few images to tell; about 52 of this class would"
        " be needed."
    )


def test_the_whole_in_words():
    check = EVIDENCE.against_served(*models(lost=1, gained=0, others=20), CONFIG)[0]
    assert check.verdict == "inconclusive"
    assert check.message == (
        "Accuracy fell from 100.0% to 97.7% on 44 test images: 1 image that the served model got"
        " right is wrong now, 0 the other way; with 95% confidence it is at most 9.6 points"
        " lower, and 5.0 points are allowed. That is too few images to tell; about 190 would be"
        " needed."
    )
    check = EVIDENCE.against_served(*models(lost=0, gained=0), CONFIG)[0]
    assert check.message.startswith("Accuracy stayed at 100.0% on 224 test images, all answered")
    assert check.verdict == "release"


def test_new_classes_are_left_to_the_limits():
    ids = [0] * 60 + [1] * 60 + [2] * 20
    candidate = chosen(LABELS, ids, [0] * 60 + [1] * 60 + [0] * 20)
    # The old label map had two classes, in another order.
    served = chosen(["metal", "glass"], ids, [1] * 60 + [0] * 60 + [1] * 20)
    overall, new, *classes = EVIDENCE.against_served(candidate, served, CONFIG)
    assert new.message == (
        "The served model does not know 'paper': the 20 test images of it are checked against the"
        " limits only."
    )
    assert overall.figures["count"] == 120
    assert overall.figures["served_rate"] == 1
    assert [check.figures["class"] for check in classes] == ["glass", "metal"]


def test_a_served_model_that_knows_no_class_is_compared_on_nothing():
    candidate = chosen(LABELS, [0, 1], [0, 1])
    (check,) = EVIDENCE.against_served(candidate, chosen(["wood"], [0, 1], [0, 0]), CONFIG)
    assert (check.name, check.verdict) == ("new_classes", "release")


@pytest.mark.parametrize("other", [[0, 1], [0, 1, 1]])
def test_other_images_cannot_be_compared(other):
    one = chosen(LABELS, [0, 1, 2], [0, 1, 2])
    with pytest.raises(errors.PipelineError, match="fault of the release gate"):
        EVIDENCE.against_served(one, chosen(LABELS, other, other), CONFIG)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 99), st.integers(0, 99))
def test_the_order_of_the_images_changes_nothing(lost, gained, one, other):
    candidate, served = models(lost, gained)
    assert EVIDENCE.against_served(
        shuffled(candidate, one), shuffled(served, other), CONFIG
    ) == EVIDENCE.against_served(candidate, served, CONFIG)


def test_swapped_models_have_differences_of_the_other_sign():
    candidate, served = models(lost=7, gained=2)
    there = EVIDENCE.against_served(candidate, served, CONFIG)
    back = EVIDENCE.against_served(served, candidate, CONFIG)
    for one, other in zip(there, back, strict=True):
        assert one.figures["difference"] == -other.figures["difference"]
        assert one.figures["lost"] == other.figures["gained"]


def in_spans(one, spans):
    return dataclasses.replace(one, spans=np.array(spans, np.int64))


def test_the_oldest_and_the_newest_span_are_compared_by_themselves():
    """A model that forgot the first images is refused, though the whole hides it."""
    candidate, served = models(lost=15, gained=0, count=24, others=600)
    spans = [1] * 24 + [2] * 300 + [3] * 300
    checks = EVIDENCE.against_served(in_spans(candidate, spans), served, CONFIG)
    oldest, newest = [check for check in checks if check.name == against_served.SPAN]
    assert checks[0].verdict == newest.verdict == "release"
    assert oldest.verdict == "refuse"
    assert oldest.message.startswith(
        "Accuracy on span 1, the oldest, fell from 100.0% to 37.5% on 24 test images: 15 images"
    )
    assert newest.message.startswith("Accuracy on span 3, the newest, stayed at 100.0%")
    assert oldest.figures["comparisons"] == 5


def test_a_span_alone_is_never_inconclusive():
    candidate, served = models(lost=2, gained=0, count=24, others=600)
    checks = EVIDENCE.against_served(in_spans(candidate, [1] * 24 + [2] * 600), served, CONFIG)
    oldest = next(check for check in checks if check.name == against_served.SPAN)
    assert oldest.verdict == "release"
    assert "5.0 points are allowed, but that may be chance (p = 1.000)" in oldest.message


@pytest.mark.parametrize("spans", [[-1] * 224, [4] * 224])
def test_without_two_spans_there_are_no_sets(spans):
    candidate, served = models(lost=0, gained=0)
    plain = EVIDENCE.against_served(candidate, served, CONFIG)
    assert EVIDENCE.against_served(in_spans(candidate, spans), served, CONFIG) == plain
