import json

import numpy as np
import pytest

from data.masks import shapes

SQUARE = (2.0, 3.0, 8.0, 3.0, 8.0, 9.0, 2.0, 9.0)


def drawn(*given, size=(12, 16), of=(12, 16)):
    return shapes.rasterise(shapes.Shapes(of, given), size)


def test_a_square_covers_its_pixels():
    wanted = np.zeros([12, 16], np.uint8)
    wanted[3:9, 2:8] = 4
    found = drawn(shapes.Shape(4, (SQUARE,)))
    # An outline through the corners of pixels may take a row more or less.
    assert (found != wanted).sum() <= 13 and (found == 4).sum() >= 36


def test_the_same_square_in_shares_of_the_image():
    shares = tuple(value / (16, 12)[index % 2] for index, value in enumerate(SQUARE))
    relative = drawn(shapes.Shape(1, (shares,)), of=None)
    np.testing.assert_array_equal(relative, drawn(shapes.Shape(1, (SQUARE,))))


def test_small_objects_stay_visible_on_large_ones():
    small = shapes.Shape(1, ((4.0, 5.0, 6.0, 5.0, 6.0, 7.0, 4.0, 7.0),))
    large = shapes.Shape(2, (SQUARE,))
    for order in ((small, large), (large, small)):
        assert set(np.unique(drawn(*order))) == {0, 1, 2}


def test_run_lengths_go_down_the_columns():
    mask = np.zeros([3, 4], bool)
    mask[1:, 1] = mask[0, 3] = True
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(int)) != 0)
    runs = tuple(np.diff([0, *edges, flat.size]).tolist())
    found = drawn(shapes.Shape(5, (), runs, (3, 4)), size=(3, 4), of=(3, 4))
    np.testing.assert_array_equal(found, mask * 5)


def compressed(runs):
    """The reference: ``rleToString`` of cocoapi's maskApi.c, step by step."""
    text = ""
    for index, run in enumerate(runs):
        value = run - (runs[index - 2] if index > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != -1 if bits & 0x10 else value != 0
            text += chr((bits | (0x20 if more else 0)) + 48)
    return text


@pytest.mark.parametrize("seed", range(5))
def test_compressed_run_lengths_come_back(seed):
    runs = tuple(np.random.default_rng(seed).integers(0, 5000, 40).tolist())
    assert shapes.coco_runs(compressed(runs)) == runs
    assert shapes.coco_runs(list(runs)) == runs


@pytest.mark.parametrize("text", ["\x01", "P", "o" * 20])
def test_hostile_run_lengths_are_refused(text):
    with pytest.raises(ValueError, match="run lengths"):
        shapes.coco_runs(text)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (shapes.Shape(1, ((1.0, 2.0),)), "a polygon of 2 numbers"),
        (shapes.Shape(1, ((1.0, 2.0, float("nan"), 3.0, 4.0, 5.0),)), "not finite"),
        (shapes.Shape(1, (), (5, 5), (3, 3)), "do not fill 3×3"),
        (shapes.Shape(1, (), (-1, 10), (3, 3)), "do not fill"),
    ],
)
def test_what_cannot_be_drawn_is_told(shape, words):
    assert words in shapes.problem(shapes.Shapes((3, 3), (shape,)))


def test_points_far_away_are_no_danger():
    far = (-1e12, 0.0, 1e12, 0.0, 1e12, 1e12, -1e12, 1e12)
    assert (drawn(shapes.Shape(3, (far,))) == 3).mean() > 0.8


def test_shapes_come_back_from_json():
    given = shapes.Shapes((3, 4), (shapes.Shape(1, (SQUARE,)), shapes.Shape(2, (), (3, 9), (3, 4))))
    assert shapes.Shapes.from_json(given.to_json()) == given
    with pytest.raises((TypeError, ValueError)):
        shapes.Shapes.from_json(json.dumps([None, [["x", [], [], [1, 2]]]]))
