"""What people are told about corrections."""

import pytest

from data.corrections import sentences
from data.corrections.decisions import Action


@pytest.mark.parametrize(
    ("counts", "new", "told"),
    [
        ({Action.RELABEL: 1037, Action.DROP: 3, Action.KEEP: 9}, (), "1,037 to relabel, 3 to drop"),
        ({Action.RELABEL: 2}, {"cow"}, "2 to relabel, new class 'cow'"),
        ({Action.RELABEL: 2}, {"cow", "ant"}, "2 to relabel, new classes 'ant', 'cow'"),
        ({Action.KEEP: 9, Action.NOT_SURE: 1}, (), ""),
    ],
)
def test_before_a_run(counts, new, told):
    assert sentences.planned(counts, new) == told


@pytest.mark.parametrize(
    ("relabelled", "dropped", "unmatched", "told"),
    [
        ({"test": 1, "train": 3}, 1, 0, "4 labels corrected (1 test, 3 train), 1 image dropped"),
        (
            {"train": 1},
            0,
            2,
            "1 label corrected (1 train), 2 corrections that no image matches any more",
        ),
        ({}, 2, 0, "2 images dropped"),
        ({}, 0, 0, ""),
    ],
)
def test_after_it(relabelled, dropped, unmatched, told):
    assert sentences.done(relabelled, dropped, unmatched) == told
