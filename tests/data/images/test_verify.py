"""The shortcuts of the check by TensorFlow: each gives the answer of what it stands for."""

import dataclasses
import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.images import decode, decode_config, verify
from tests.data.pictures import noise, saved

pytestmark = pytest.mark.xdist_group("decoding")

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


def turned(code: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = code
    return saved(noise(20, 30), "JPEG", exif=exif)


def with_segment(code: int, content: bytes) -> bytes:
    segment = struct.pack(">BBH", 0xFF, code, len(content) + 2) + content
    return (plain := saved(noise(20, 30), "JPEG"))[:2] + segment + plain[2:]


def is_upright_to_the_graph(content: bytes) -> bool:
    reason, orientation = verify._examine()(tf.constant(content))
    return not reason.numpy() and orientation.numpy() not in range(2, 9)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"a comment"}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_most_jpegs_are_known_to_be_upright(mode, options):
    content = saved(noise(20, 30).convert(mode), "JPEG", **options)
    assert verify.is_upright_jpeg(content)
    assert is_upright_to_the_graph(content)


def test_exif_without_an_orientation_changes_nothing():
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    assert verify.is_upright_jpeg(saved(noise(20, 30), "JPEG", exif=exif))


@pytest.mark.parametrize(
    "content",
    [
        *map(turned, range(2, 9)),
        with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        with_segment(0xC3, b"\x08\0\x14\0\x1e\x01\x01\x11\0"),  # a lossless frame
        with_segment(0xD9, b""),
        saved(noise(20, 30), "JPEG")[:100],
        b"\xff\xd8",
        b"",
    ],
)
def test_of_any_other_the_graph_is_asked(content):
    assert not verify.is_upright_jpeg(content)


HEADERS = [
    saved(noise(20, 30), "JPEG"),
    turned(1),
    turned(6),
    with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
]
CHANGES = st.lists(
    st.tuples(
        st.integers(2, 400),
        st.sampled_from([0x00, 0x01, 0x08, 0x12, 0xC0, 0xC4, 0xD9, 0xDA, 0xE1, 0xFF])
        | st.integers(0, 255),
    ),
    max_size=4,
)


@given(st.sampled_from(HEADERS), CHANGES, st.integers(0, 20))
def test_what_is_known_to_be_upright_is_so_to_the_graph(content, changes, gap):
    changed = bytearray(content)
    for place, value in changes:
        changed[place % len(changed)] = value
    if changes:
        del changed[changes[0][0] : changes[0][0] + gap]
    if verify.is_upright_jpeg(bytes(changed)):
        assert is_upright_to_the_graph(bytes(changed))


def png(values: np.ndarray) -> decode.Decoded:
    result = decode.decode(saved(Image.fromarray(values), "PNG"), decode_config.DecodeConfig())
    assert isinstance(result, decode.Decoded)
    return result


def test_small_pngs_are_checked_together_as_one_by_one():
    random = np.random.default_rng(0)
    sides = [(2, 3), (28, 28), (31, 33), (100, 64)]
    images = [png(random.integers(0, 256, (*side, 3), dtype=np.uint8)) for side in sides]
    images += [png(random.integers(0, 256, side, dtype=np.uint8)) for side in sides]
    nearly = dataclasses.replace(images[1], samples=images[1].samples ^ 1)
    other = dataclasses.replace(images[1], samples=255 - images[1].samples)
    info = images[2].info._replace(height=32)
    larger = dataclasses.replace(images[2], info=info)
    checked = [*images, nearly, other, larger]
    assert all(map(verify.is_small_png, checked))
    expected = [True] * 9 + [False] * 2
    assert [verify.same_pixels(image) for image in checked] == expected
    assert verify.same_small_pngs(checked) == expected


def test_one_that_cannot_be_decoded_does_not_affect_the_others():
    good = png(np.zeros((8, 8), np.uint8))
    cut = dataclasses.replace(good, encoded=good.encoded[:-30])
    assert verify.same_small_pngs([good, cut, good]) == [True, False, True]


def test_others_are_not_taken_for_small_pngs():
    large = png(np.zeros((200, 200), np.uint8))
    transparent = decode.decode(
        saved(Image.new("RGBA", (8, 8), (9, 9, 9, 99)), "PNG"), decode_config.DecodeConfig()
    )
    jpeg = decode.decode(saved(noise(8, 8), "JPEG"), decode_config.DecodeConfig())
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG", transparency=0)
    keyed = dataclasses.replace(png(np.zeros((8, 8), np.uint8)), encoded=buffer.getvalue())
    assert isinstance(transparent, decode.Decoded) and isinstance(jpeg, decode.Decoded)
    assert not any(map(verify.is_small_png, [large, jpeg, keyed]))
    assert verify.is_small_png(transparent)  # it is stored without its transparency
