"""Likely annotation errors: planted ones are found, blurred edges are not."""

import numpy as np

from tasks.segmentation.panels import suspects
from tests.tasks.segmentation import made

LABELS = made.LABELS


def scene():
    truth = np.zeros([60, 80], np.uint8)
    truth[30:] = 1
    return truth


def found(truths, sure):
    held = made.predictions(truths, truths, sure=sure)
    return suspects.find(held, range(len(truths)))


def test_an_object_that_the_mask_lacks_is_found():
    sure = scene()
    sure[40:50, 20:40] = 2  # a tree on what the mask calls road
    (one,) = found([scene(), scene()], [scene(), sure])
    assert (one.path, one.told, one.annotated) == ("1.png", "tree", "road")
    assert one.share == 200 / 4800 and one.regions == 1


def test_edges_specks_void_and_what_is_unsure_are_no_errors():
    sure = scene()
    sure[29] = 1  # an outline that is a pixel off, all along the image
    sure[10:12, 10:12] = 2  # a speck
    sure[30:45] = 255  # not sure
    truth = scene()
    truth[50:60, 60:80] = 255  # void
    sure[50:60, 60:80] = 2
    assert not found([truth], [sure])


def test_the_largest_region_comes_first():
    small, large = scene(), scene()
    small[5:15, 5:15] = 2
    large[5:15, 5:15] = 2
    large[35:55, 10:70] = 0
    first, second = found([scene(), scene()], [small, large])
    assert first.path == "1.png" and first.regions == 2 and first.told == "sky"
    assert second.path == "0.png"


def test_an_image_without_an_answer_is_left_out():
    held = made.predictions([scene()], [scene()])
    held.sure[0] = b""
    assert not suspects.find(held, range(1))
