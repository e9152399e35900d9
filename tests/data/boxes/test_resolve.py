"""Boxes as given → boxes of the upright image; bad ones cost only themselves."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from data.boxes import resolve
from data.boxes.given import Box, Fault, Given, Unit

SIZE = resolve.Size(100, 50)


def box(*corners, label="apple"):
    return Box(label, corners, "line 1")


def resolved(*boxes, unit=Unit.PIXELS, size=SIZE, width=100, height=50, **options):
    return resolve.resolve(Given("a.xml", boxes, unit, width, height), size, **options)


@pytest.mark.parametrize(
    ("corners", "fault"),
    [
        ((30, 10, 20, 20), Fault.INVERTED),
        ((30, 10, 30, 20), Fault.EMPTY),
        ((120, 10, 130, 20), Fault.OUTSIDE),
        ((-90, 10, 40, 20), Fault.OUTSIDE),
        ((0.1, 0.2, 0.6, 0.9), Fault.SHARES_FOR_PIXELS),
    ],
)
def test_a_bad_box_is_left_out_and_told(corners, fault):
    annotation, problems = resolved(box(*corners), box(1, 2, 3, 4))
    assert len(annotation) == 1
    assert [(one.file, one.place, one.fault) for one in problems] == [("a.xml", "line 1", fault)]
    assert "apple" in problems[0].detail


def test_pixels_among_shares_are_told():
    _, problems = resolved(box(10, 20, 30, 40), unit=Unit.SHARES, width=0, height=0)
    assert [one.fault for one in problems] == [Fault.PIXELS_FOR_SHARES]


def test_a_box_without_a_name_is_told():
    _, problems = resolved(box(10, 20, 30, 40, label=""))
    assert [one.fault for one in problems] == [Fault.NO_LABEL]


def test_a_box_that_sticks_out_is_clipped_and_counted():
    annotation, problems = resolved(box(-1, 10, 20, 51))
    np.testing.assert_array_equal(annotation.boxes, np.float32([[0.2, 0, 1, 0.2]]))
    assert [one.fault for one in problems] == [Fault.CLIPPED]


@pytest.mark.parametrize(
    ("width", "height", "fault"),
    [(0, 0, Fault.SIZE_ABSENT), (99, 50, Fault.SIZE_WRONG), (100, 0, Fault.SIZE_ABSENT)],
)
def test_a_wrong_size_is_told_and_the_pixels_count(width, height, fault):
    annotation, problems = resolved(box(10, 10, 50, 20), width=width, height=height)
    np.testing.assert_array_equal(annotation.boxes, np.float32([[0.2, 0.1, 0.4, 0.5]]))
    assert [one.fault for one in problems] == [fault]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_pillow_turns_the_image(orientation):
    pixels = np.zeros((50, 100), np.uint8)
    pixels[20:30, 10:60] = 255
    exif = Image.Exif()
    exif[0x112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    rows, columns = np.nonzero(turned)
    height, width = turned.shape
    expected = [rows.min() / height, columns.min() / width]
    expected += [(rows.max() + 1) / height, (columns.max() + 1) / width]
    size = resolve.Size(width, height, lambda: orientation)
    annotation, problems = resolved(box(10, 20, 60, 30), size=size, turned="stored")
    np.testing.assert_array_equal(annotation.boxes, np.float32([expected]))
    assert problems == []


def test_the_size_tells_whether_boxes_are_for_the_stored_image():
    size = resolve.Size(50, 100, lambda: 6)
    for_stored, _ = resolved(box(0, 0, 100, 10), size=size)
    np.testing.assert_array_equal(for_stored.boxes, np.float32([[0, 0.8, 1, 1]]))
    for_upright, _ = resolved(box(0, 0, 50, 10), size=size, width=50, height=100, turned="stored")
    np.testing.assert_array_equal(for_upright.boxes, np.float32([[0, 0, 0.1, 1]]))


def test_six_digits_of_a_share_give_the_pixel_back():
    generator = np.random.default_rng(0)
    for width, height in generator.integers(20, 8000, (200, 2)).tolist():
        left, top = generator.integers(0, [width - 10, height - 10]).tolist()
        right, bottom = generator.integers([left + 1, top + 1], [width + 1, height + 1]).tolist()
        x, y = round((left + right) / 2 / width, 6), round((top + bottom) / 2 / height, 6)
        w, h = round((right - left) / width, 6), round((bottom - top) / height, 6)
        shares = box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        size = resolve.Size(width, height)
        one, _ = resolved(shares, unit=Unit.SHARES, size=size, width=0, height=0)
        other, _ = resolved(box(left, top, right, bottom), size=size, width=width, height=height)
        assert one.boxes.tobytes() == other.boxes.tobytes()


def test_area_of_the_file_counts():
    given = Box("apple", (0, 0, 10, 10), "line 1", is_crowd=True, area_px=31.5)
    annotation, _ = resolved(given)
    assert annotation.area_px.tolist() == [31.5]
    assert annotation.is_crowd.tolist() == [True]
