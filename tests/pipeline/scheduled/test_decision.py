import pytest

from pipeline.scheduled import config, decision

TRIGGERS = config.TriggerConfig(
    new_images=100, new_fraction=0.5, max_age_days=30, confidence={"max_drop": 0.1, "min_count": 50}
)
SOME = {"images": 1010, "known": 1000, "new": 10}


def decide(attempts=3, triggers=TRIGGERS, **facts) -> decision.Decision:
    return decision.decide(decision.Facts(**facts), triggers, attempts)


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        ({"images": 0}, "no_images", "There is no image yet"),
        ({"images": 0, "incomplete_spans": (1,)}, "no_images", "span 1 has no _SUCCESS yet"),
        ({"images": 40, "new": 40}, "first", "No run has finished yet; there are 40 images"),
        ({"images": 9, "known": 9}, "nothing_new", "Nothing new: 9 images, all of which the last"),
        (SOME, "too_few", "10 new images; 100 or 50% of 1,000 would be needed"),
        (SOME | {"incomplete_spans": (4, 5)}, "too_few", "spans 4, 5 have no _SUCCESS yet"),
        ({"images": 1100, "known": 1000, "new": 100}, "new_images", "100 new images; 100 are enough"),
        ({"images": 30, "known": 20, "new": 10}, "new_fraction", "50% of those of the last run"),
        (SOME | {"new_spans": (7,), "new_classes": ("cat",)}, "new_class", "in span 7, with the new class 'cat'"),
        (SOME | {"drifts": ("their brightness moved",)}, "drift", "10 new images: their brightness moved"),
        (SOME | {"age_days": 30.0}, "age", "The served model is 30 days old; 30 are allowed"),
        (
            SOME | {"score": 0.8, "score_count": 50, "score_reference": 0.95},
            "confidence",
            "mean score fell to 80.0% over 50 answers, from 95.0% on its test images; 10 points",
        ),
        (SOME | {"readable": 0.0}, "unusable", "10 new images, of which none can be read"),
        (
            {"images": 1150, "known": 1000, "new": 150, "readable": 0.5},
            "too_few",
            "150 new images, of which 50% can be read",
        ),
        (SOME | {"interrupted": "10 new images"}, "retry", "its reason was: 10 new images"),
        (SOME | {"failed": 1, "failed_code": 1}, "retry", "1 of 3 attempts failed"),
        (SOME | {"failed": 3, "failed_code": 1, "failed_message": "no disk"}, "waiting", "3 runs of these images failed; waiting for a change: no disk"),
        (SOME | {"failed": 1, "failed_code": 2, "failed_message": "one class"}, "waiting", "could not use these images or settings; waiting for a change: one class"),
    ],
)  # fmt: skip
def test_decisions(facts, kind, reason):
    decided = decide(**facts)
    assert decided.kind == kind
    assert reason in decided.reason
    assert decided.run == (kind in decision.RUNS)


def test_nothing_new_runs_nothing_however_old_the_model_or_low_its_scores():
    decided = decide(
        images=9, known=9, age_days=99, score=0.1, score_count=999, score_reference=0.9
    )
    assert not decided.run
    assert "99 days old" in decided.others[0]
    assert "fell to 10.0%" in decided.others[1]


def test_few_answers_say_nothing():
    facts = {"score": 0.1, "score_count": 49, "score_reference": 0.9}
    assert decide(**SOME, **facts).kind == "too_few"
    assert decide(**SOME, **{**facts, "score_reference": None, "score_count": 99}).kind == "too_few"


def test_all_reasons_are_given_the_first_one_first():
    decided = decide(images=2000, known=1000, new=1000, new_classes=("cat",), age_days=31)
    assert decided.kind == "new_class"
    assert len(decided.others) == 3


def test_triggers_that_are_off():
    off = config.TriggerConfig(new_images=None, new_fraction=None, new_class=False)
    decided = decide(triggers=off, images=2000, known=1000, new=1000, new_classes=("cat",))
    assert decided == decision.Decision("too_few", "1,000 new images")
