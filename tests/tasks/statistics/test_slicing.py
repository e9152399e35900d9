import numpy as np
import pytest

from data.examples import example
from tasks.statistics import slicing


@pytest.mark.parametrize("bounds", [(), (128, 256), (0.2, 0.5), (1_000_000,)])
def test_a_key_gives_back_its_bounds(bounds):
    made = slicing.Slicing("image/size", bounds)
    assert slicing.Slicing.parse(made.key) == made


@pytest.mark.parametrize(
    ("feature", "bounds", "names"),
    [
        (slicing.SIZE, (64, 128), ["under 64 px", "64–127 px", "128 px or more"]),
        (example.WIDTH, (64, 65), ["under 64 px", "64 px", "65 px or more"]),
        (example.SIZE_BYTES, (10_000,), ["under 10,000 bytes", "10,000 bytes or more"]),
        (example.BRIGHTNESS, (0.2, 0.4), ["under 0.2", "0.2–0.4", "0.4 or more"]),
    ],
)
def test_ranges_have_names(feature, bounds, names):
    made = slicing.Slicing(feature, bounds)
    assert [made.name(index) for index in range(len(names))] == names


def test_a_bound_belongs_to_the_range_above_it():
    made = slicing.Slicing(example.HEIGHT, (64, 128))
    found = made.ranges({example.HEIGHT: np.array([[63], [64], [127], [128]])})
    assert found.tolist() == [[0], [1], [1], [2]]


def test_the_size_is_the_shorter_side():
    features = {example.HEIGHT: np.array([[10], [200]]), example.WIDTH: np.array([[300], [20]])}
    assert slicing.Slicing(slicing.SIZE, (15,)).ranges(features).tolist() == [[0], [1]]
    assert slicing.Slicing(example.SIZE_BYTES, (15,)).ranges(features) is None
    assert slicing.Slicing(slicing.SIZE, (15,)).ranges({example.WIDTH: np.zeros([1, 1])}) is None


def test_class_size_and_span_are_always_sliced_by():
    keys = [row.key for row in slicing.slicings([], [128, 256])]
    assert keys == ["image/class/label", "image/size:128,256", "image/span"]
    asked = slicing.slicings([example.WIDTH, example.FORMAT, example.CONTRAST], [64])
    assert [row.key for row in asked[3:]] == [
        "image/width:64",
        "image/format",
        "image/quality/contrast:0.1,0.2,0.3,0.4",
    ]
    without = slicing.slicings([example.WIDTH], [])
    assert [row.feature for row in without] == ["image/class/label", "image/span"]
