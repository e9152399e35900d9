import numpy as np
import pytest

from tasks.retrieval import held_out, ranks


def naive(ranked, label, count):
    """Rank and AP@R of one image, as Musgrave et al. define them, by a loop."""
    hits = [one == label for one in ranked]
    rank = hits.index(True) + 1 if True in hits else 0
    relevant = min(count, len(ranked))
    total = sum(
        sum(hits[: place + 1]) / (place + 1)
        for place in range(min(relevant, len(hits)))
        if hits[place]
    )
    return rank, total / max(1, relevant)


def test_rank_and_precision_are_those_of_the_definition():
    generator = np.random.default_rng(0)
    counts = np.array([3, 5, 1, 0])
    gallery = np.repeat(np.arange(4), counts)
    ranked = np.stack([generator.permutation(gallery) for _ in range(50)]).astype(np.int32)
    labels = generator.integers(0, 4, 50)
    found = ranks.of(ranked, labels, counts, np.array([False, True, False, False]))
    for row, order, label in zip(found, ranked.tolist(), labels, strict=True):
        rank, precision = naive(order, label, counts[label])
        assert row[ranks.RANK] == rank
        assert row[ranks.PRECISION] == pytest.approx(precision)
        assert row[ranks.RELEVANT] == counts[label]
        assert row[ranks.HELD_OUT] == (label == 1)
    assert (found[:, ranks.CLASSES] == 4).all()


def test_a_class_without_an_image_in_the_gallery_is_never_found():
    found = ranks.of(np.array([[0, 0]]), np.array([1]), np.array([2, 0]), np.array([False, False]))
    assert found[0, ranks.RANK] == found[0, ranks.PRECISION] == 0


def test_no_images_and_no_ranking_are_no_error():
    nothing = ranks.of(
        np.zeros([0, 5], np.int32), np.zeros(0, int), np.array([1]), np.array([False])
    )
    assert nothing.shape == (0, ranks.COLUMNS) and np.isnan(ranks.recall(nothing, 1))
    refused = ranks.of(
        np.zeros([2, 0], np.int32), np.array([0, 0]), np.array([1]), np.array([False])
    )
    assert not refused[:, ranks.RANK].any() and ranks.recall(refused, 10) == 0


def test_recall_counts_up_to_a_place():
    rows = np.zeros([4, ranks.COLUMNS])
    rows[:, ranks.RANK] = [1, 5, 6, 0]
    assert [ranks.recall(rows, most) for most in (1, 5, 10)] == [0.25, 0.5, 0.75]


def test_recall_of_vectors_needs_queries_and_a_gallery():
    eye = np.eye(3, dtype=np.float32)
    assert ranks.recall_at_1(eye, eye, np.array([0, 1, 1]), np.array([0, 1, 2])) == pytest.approx(
        2 / 3
    )
    assert np.isnan(ranks.recall_at_1(eye[:0], eye, np.zeros(0), np.zeros(3)))
    assert np.isnan(ranks.recall_at_1(eye, eye[:0], np.zeros(3), np.zeros(0)))


NAMES = [f"class {number}" for number in range(20)]


def test_held_out_classes_follow_from_the_names_alone():
    chosen, words = held_out.choose(NAMES, 0.2)
    assert len(chosen) == 4 and words == "4 of 20 classes are held out."
    assert held_out.choose(NAMES[::-1], 0.2)[0] == chosen
    more, _ = held_out.choose([*NAMES, "new"], 0.2)
    assert len(set(chosen) & set(more)) >= 3


@pytest.mark.parametrize(
    ("count", "fraction", "held", "words"),
    [
        (4, 0.2, 0, "there are 4 classes, and at least 5 are needed"),
        (5, 0.2, 2, "2 of 5"),
        (5, 0.5, 2, "2 of 5"),
        (6, 0.5, 3, "3 of 6"),
        (20, 0.0, 0, "held_out_fraction is 0"),
    ],
)
def test_their_number_is_bounded_and_none_is_said(count, fraction, held, words):
    chosen, said = held_out.choose(NAMES[:count], fraction)
    assert len(chosen) == held and words in said
