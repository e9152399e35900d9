"""What counts as plain must give the pixels of the SavedModel's own graph, bit for bit."""

import io
import struct
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms

from data.graph import decoding, plain_decoding
from data.images import image_reading
from serving.triton import plain_image
from tests.data import encodings, icc
from tests.data.pictures import noise, saved

pytestmark = pytest.mark.xdist_group("decoding")

SIZE = 8
ODD = Path(__file__).parents[2].parent / "shared" / "odd_images"
# In every one of these families some files are plain, the rest are not.
PLAIN = {"PNG grey": 2, "PNG RGB": 2, "JPEG": 10, "JPEG progressive": 10}


@pytest.fixture(scope="module")
def quick():
    return tf.function(
        lambda encoded: plain_decoding.batch_pixels_and_sizes(encoded, SIZE, "stretch"),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


@pytest.fixture(scope="module")
def keeps():
    graph = tf.function(
        lambda encoded: plain_decoding.keeps_colours(encoded, True),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    return lambda encoded: bool(graph(tf.constant(encoded)))


def require_equal(quick, contents, reading=encodings.READING) -> None:
    """Requires that both graphs make the same of images, none of which is refused."""
    expected, refused = decoding.batch_reader(SIZE, "stretch", reading)(tf.constant(contents))
    pixels, _ = quick(tf.constant(contents))
    assert not refused.numpy().astype(bool).any()
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("family", encodings.FAMILIES)
def test_plain_files_of_every_encoding_look_the_same_in_both_graphs(family, quick, keeps):
    plain = plain_image.PlainImages(keeps)
    contents = [cell.content for cell in encodings.FAMILIES[family]()]
    chosen = [content for content in contents if plain.is_plain(content)]
    assert len(chosen) >= PLAIN.get(family, 0)
    assert bool(chosen) == (family in PLAIN)
    if chosen:
        require_equal(quick, chosen)


def with_profile(profile: bytes, mode: str = "RGB") -> bytes:
    return saved(noise(12, 10).convert(mode), "JPEG", icc_profile=profile)


def test_a_profile_counts_as_plain_only_if_it_changes_nothing(quick, keeps):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    dark = icc.grey(icc.curv(1000))
    plain = plain_image.PlainImages(keeps)
    kept, changed = with_profile(srgb), with_profile(dark, "L")
    assert plain.is_plain(kept)
    assert not plain.is_plain(changed)
    require_equal(quick, [kept])


def test_a_profile_is_asked_about_once():
    asked = []
    plain = plain_image.PlainImages(lambda encoded: asked.append(encoded) is None)
    for seed in range(3):
        content = saved(noise(12, 10, seed), "JPEG", icc_profile=b"p" * 200)
        assert plain.is_plain(content)
    assert plain.is_plain(with_profile(b"p" * 200, "L"))
    assert plain.is_plain(with_profile(b"q" * 200))
    assert len(asked) == 3


def jpeg(*segments: bytes) -> bytes:
    content = saved(noise(12, 10), "JPEG")
    return content[:2] + b"".join(segments) + content[2:]


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
    assert plain_image.PlainImages(lambda encoded: True).is_plain(content) is expected


def test_a_large_image_is_left_to_the_graph_that_limits_pixels():
    content = bytearray(saved(noise(12, 10), "PNG"))
    content[16:24] = struct.pack(">II", 5000, 5000)
    assert not plain_image.PlainImages(lambda encoded: True).is_plain(bytes(content))
    large = bytearray(jpeg())
    at = large.index(b"\xff\xc0") + 5
    large[at : at + 4] = struct.pack(">HH", 5000, 5000)
    assert not plain_image.PlainImages(lambda encoded: True).is_plain(bytes(large))


@hypothesis.given(
    hypothesis.strategies.integers(0, 400),
    hypothesis.strategies.integers(0, 255),
    hypothesis.strategies.booleans(),
)
def test_a_changed_byte_never_makes_the_graphs_differ(quick, keeps, place, value, as_png):
    content = bytearray(saved(noise(12, 10), "PNG" if as_png else "JPEG"))
    content[place % len(content)] = value
    changed = bytes(content)
    if not plain_image.PlainImages(keeps).is_plain(changed):
        return
    expected, refused = decoding.batch_reader(SIZE, "stretch", encodings.READING)(
        tf.constant([changed])
    )
    try:
        pixels, _ = quick(tf.constant([changed]))
    except tf.errors.OpError:
        assert refused.numpy()[0] == b"damaged"
        return
    assert refused.numpy()[0] == b""
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.skipif(not ODD.is_dir(), reason="the odd images are not at hand")
def test_odd_files_that_count_as_plain_look_the_same(quick, keeps):
    reading = image_reading.DEFAULT
    plain = plain_image.PlainImages(keeps)
    contents = [path.read_bytes() for path in sorted(ODD.rglob("*")) if path.is_file()]
    chosen = [content for content in contents if plain.is_plain(content)]
    assert chosen
    read = decoding.batch_reader(SIZE, "stretch", reading)
    for content in chosen:
        expected, refused = read(tf.constant([content]))
        try:
            pixels, _ = quick(tf.constant([content]))
        except tf.errors.OpError:
            assert refused.numpy()[0] == b"damaged"
            continue
        assert refused.numpy()[0] == b""
        np.testing.assert_array_equal(pixels, expected)


def test_sizes_are_those_of_the_images(quick):
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20)).save(buffer, "PNG")
    _, sizes = quick(tf.constant([buffer.getvalue()]))
    assert sizes.numpy().tolist() == [[20, 30]]
