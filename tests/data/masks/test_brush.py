"""Brush strokes of Label Studio, packed by a plain writer of the same format."""

import json

import numpy as np
import pytest

from data.masks import brush, polygon_files, shapes

SIZES = (3, 4, 8, 16)  # bits of the four kinds of counters


def packed(values, literal=()):
    """Packs values in runs; those whose run begins at a place of ``literal`` one by one."""
    bits = f"{len(values):032b}{8 - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)
    start = 0
    while start < len(values):
        end = start
        while end < len(values) and values[end] == values[start]:
            end += 1
        end = min(end, start + (1 << SIZES[-1]))
        kind = next(index for index, size in enumerate(SIZES) if end - start <= 1 << size)
        bits += f"{int(start not in literal)}{kind:02b}{end - start - 1:0{SIZES[kind]}b}"
        bits += f"{values[start]:08b}" * (end - start if start in literal else 1)
        start = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def rgba(painted):
    return np.repeat(np.where(painted, 255, 0).astype(np.uint8).ravel(), 4).tolist()


PAINTED = np.zeros([5, 7], bool)
PAINTED[1:4, 2:6] = True
PAINTED[0, 0] = True


def test_strokes_become_the_painted_pixels():
    values = rgba(PAINTED)
    for literal in ((), {0, 4, 36}):
        lengths = brush.runs(packed(values, literal), (5, 7))
        shape = shapes.Shape(1, (), lengths, (5, 7))
        assert shapes.problem(shapes.Shapes(None, (shape,))) is None
        drawn = shapes.rasterise(shapes.Shapes(None, (shape,)), (5, 7))
        np.testing.assert_array_equal(drawn, PAINTED.astype(np.uint8))


def test_only_the_opacity_counts():
    values = np.zeros([35, 4], np.uint8)
    values[:, 0] = 200  # red, and transparent
    assert brush.runs(packed(values.ravel().tolist()), (5, 7)) == (35,)


@pytest.mark.parametrize(
    ("rle", "size", "told"),
    [
        (packed(rgba(PAINTED))[:-3], (5, 7), "end early"),
        (packed(rgba(PAINTED)), (5, 8), "not of 160 values"),
        ([0, 0], (5, 7), "end early"),
        (packed(rgba(PAINTED)), (0, 7), "7×0"),
        (packed(rgba(PAINTED)), (1 << 20, 1 << 20), "1048576×1048576"),
    ],
)
def test_what_is_no_stroke_is_told(rle, size, told):
    with pytest.raises(ValueError, match=told):
        brush.runs(rle, size)


def test_an_export_with_strokes_and_a_torn_one():
    def result(rle):
        value = {"format": "rle", "rle": rle, "brushlabels": ["tree"]}
        return {"type": "brushlabels", "original_width": 7, "original_height": 5, "value": value}

    rows = [result(packed(rgba(PAINTED))), result([1, 2, 3]), result([999])]
    raw = [{"data": {"image": "/data/upload/a.png"}, "annotations": [{"result": rows}]}]
    found = polygon_files.label_studio("e.json", json.loads(json.dumps(raw)), ["a.png"])
    (shape,) = found.by_image["a.png"].shapes
    assert found.classes == ["tree"] and shape.number == 1 and shape.run_size == (5, 7)
    assert len(found.problems) == 2
