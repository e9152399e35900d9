"""What counts as plain must give the pixels of the SavedModel's own graph, bit for bit."""

import io
import struct
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

from tests.data import encodings
from tests.data.pictures import noise, saved
from tests.serving import pixel_stages
from tests.serving.backend import plain_image

pytestmark = pytest.mark.xdist_group("decoding")

ODD = Path(__file__).parents[2].parent / "shared" / "odd_images"
# In every one of these families some files are plain, the rest are not.
PLAIN = {"PNG grey": 2, "PNG RGB": 2, "JPEG": 10, "JPEG progressive": 10}


def is_plain(content: bytes) -> bool:
    return plain_image.examine(content) is not None


@pytest.mark.parametrize("family", encodings.FAMILIES)
def test_files_of_every_encoding_look_the_same_in_both_graphs(family):
    contents = [cell.content for cell in encodings.FAMILIES[family]()]
    plain = sum(map(is_plain, contents))
    assert plain >= PLAIN.get(family, 0)
    assert bool(plain) == (family in PLAIN)
    pixel_stages.require_equal(pixel_stages.fresh(), contents)


def jpeg(*segments: bytes) -> bytes:
    content = saved(noise(12, 10), "JPEG")
    return content[:2] + b"".join(segments) + content[2:]


def behind_the_frame(part: bytes) -> bytes:
    content = jpeg()
    place = content.index(b"\xff\xc4", content.index(b"\xff\xc0"))
    return content[:place] + part + content[place:]


def segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def tiff(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    packed = [struct.pack(f"{order}HHIHH", *entry, 0) for entry in entries]
    return b"Exif\0\0" + head + b"".join(packed) + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (jpeg(), True),
        (jpeg(segment(0xFE, b"a comment"), segment(0xED, b"Photoshop 3.0\0")), True),
        (jpeg(segment(0xE1, tiff((0x0112, 3, 1, 1)))), True),
        (jpeg(segment(0xE1, tiff((0x0112, 3, 1, 1), order=">"))), True),
        (jpeg(segment(0xE1, tiff((0x010F, 3, 1, 9)))), True),
        (jpeg(segment(0xE1, tiff((0x0112, 3, 1, 6)))), False),
        (jpeg(segment(0xE1, tiff((0x0112, 4, 1, 1)))), False),
        (jpeg(segment(0xE1, tiff((0x0112, 3, 1, 1), (0x0112, 3, 1, 6)))), False),
        (jpeg(segment(0xE1, tiff()), segment(0xE1, tiff((0x0112, 3, 1, 6)))), False),
        (jpeg(segment(0xE1, tiff((0x0112, 3, 1, 1))[:-8])), False),
        (jpeg(segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff")), False),
        (jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>")), True),
        (jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0tiff:Orientation")), False),
        (jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1ab")), True),
        (jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1")), False),
        (behind_the_frame(segment(0xE2, b"ICC_PROFILE\0\1\1ab")), False),
        (jpeg(segment(0xE2, b"ICC_PROFILE\0\1\2ab"), segment(0xE2, b"ICC_PROFILE\0\2\2cd")), False),
        (jpeg(b"\xff"), False),
        (jpeg(b"\xff\xd0"), False),
        (jpeg(*[segment(0xFE, b"")] * 300), False),
        (jpeg()[:100], False),
        (jpeg()[:3], False),
        (saved(noise(12, 10).convert("CMYK"), "JPEG"), False),
        (saved(noise(12, 10), "PNG"), True),
        (saved(noise(12, 10), "PNG")[:-1], False),
        (saved(noise(12, 10), "PNG") + b"x", False),
        (saved(noise(12, 10).convert("RGBA"), "PNG"), False),
        (saved(noise(12, 10), "PNG", icc_profile=b"p" * 200), False),
        (saved(noise(12, 10), "GIF"), False),
        (saved(noise(12, 10), "BMP"), False),
        (b"", False),
        (b"\x89PNG\r\n\x1a\n", False),
    ],
)
def test_what_is_unusual_is_not_plain(content, expected):
    assert is_plain(content) is expected


def test_a_large_image_is_left_to_the_graph_that_limits_pixels():
    content = bytearray(saved(noise(12, 10), "PNG"))
    content[16:24] = struct.pack(">II", 5000, 5000)
    assert not is_plain(bytes(content))
    large = bytearray(jpeg())
    at = large.index(b"\xff\xc0") + 5
    large[at : at + 4] = struct.pack(">HH", 5000, 5000)
    assert not is_plain(bytes(large))


@hypothesis.given(
    hypothesis.strategies.integers(0, 400),
    hypothesis.strategies.integers(0, 255),
    hypothesis.strategies.booleans(),
)
def test_a_changed_byte_never_makes_the_graphs_differ(place, value, as_png):
    content = bytearray(saved(noise(12, 10), "PNG" if as_png else "JPEG"))
    content[place % len(content)] = value
    pixel_stages.require_equal(pixel_stages.fresh(), [bytes(content)])


@pytest.mark.skipif(not ODD.is_dir(), reason="the odd images are not at hand")
def test_odd_files_look_the_same():
    contents = [path.read_bytes() for path in sorted(ODD.rglob("*")) if path.is_file()]
    assert any(map(is_plain, contents))
    pixels = pixel_stages.fresh()
    for content in contents:
        pixel_stages.require_equal(pixels, [content])


def test_sizes_are_those_of_the_images():
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20)).save(buffer, "PNG")
    found = pixel_stages.fresh().of(np.array([buffer.getvalue()], object))
    assert found[2].tolist() == [[20, 30]]
