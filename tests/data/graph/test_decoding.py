import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from data.graph import decoding
from data.images import decode, decode_config, image_reading, refusals
from tests.data import encodings
from tests.data.pictures import noise, png_header, saved

pytestmark = pytest.mark.xdist_group("decoding")

EXIF = b"\xff\xd8\xff\xe1\x00\x30Exif\x00\x00"
OTHERS = ["WEBP", "TIFF", "JPEG2000", "AVIF", "ICO", "PPM"]


@pytest.fixture(scope="module")
def decoded():
    return decoding.reader(image_reading.DEFAULT)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 77])
def test_orientation_equals_pillows(decoded, orientation, endian):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    content = saved(noise(20, 30), "JPEG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    pixels, reason = decoded(content)
    assert reason == b""
    assert pixels.shape == expected.shape
    assert np.abs(pixels.numpy().astype(int) - expected).max() <= 4


def test_orientation_is_found_behind_other_segments(decoded):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(noise(8, 12), "JPEG", exif=exif, comment=b"x" * 500)
    behind = content[:2] + b"\xff\xe2\x00\x10" + b"y" * 14 + content[2:]
    assert decoded(behind)[0].shape == (12, 8, 3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not_an_image"),
        (b"\xff", "not_an_image"),
        (b"not an image at all", "not_an_image"),
        (b"\x89PNG\r\n\x1a", "not_an_image"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\xff\xd8\xff\xe1\xff\xff", "damaged"),
        (b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00\x2a", "damaged"),
        (EXIF + b"MM\x00\x2a\xff\xff\xff\xff" + b"\x00" * 40, "damaged"),
        (EXIF + b"II\x2a\x00\x08\x00\x00\x00\xff\xff" + b"\x00" * 40, "damaged"),
        (b"\xff\xd8\xff" + b"\xe0\x00\x02\xff" * 200, "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (png_header(20_000, 14_000), "too_many_pixels"),
        (saved(noise(64, 64), "JPEG")[:-300], "damaged"),
        (saved(noise(64, 64), "PNG")[:-300], "damaged"),
        (saved(noise(64, 64), "GIF")[:-300], "damaged"),
        (saved(noise(64, 64), "BMP")[:-300], "damaged"),
        (b"GIF89a", "damaged"),
        (b"GIF89a" + b"\xff" * 40, "damaged"),
        (b"BM", "unsupported_encoding"),
        (b"BM" + b"\xff" * 200, "unsupported_encoding"),
        *((saved(noise(8, 8), name), "unsupported_format") for name in OTHERS),
    ],
)
def test_bad_images_are_refused_with_a_reason_and_never_raise(decoded, content, expected):
    pixels, reason = decoded(content)
    assert reason.numpy().decode() == expected
    assert expected in refusals.REFUSALS
    assert pixels.shape == (1, 1, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=expected):
        decoding.decode(tf.constant(content))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP"])
def test_formats(decoded, format):
    image = noise(20, 30)
    pixels, reason = decoded(saved(image, format))
    assert reason == b""
    assert pixels.shape == (20, 30, 3)


def test_more_pixels_than_allowed_are_refused_before_decoding():
    allowed, larger = (saved(noise(*size), "PNG") for size in ((20, 30), (1, 601)))
    assert decoding.decode(tf.constant(allowed), max_pixels=600).shape == (20, 30, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="too_many_pixels"):
        decoding.decode(tf.constant(larger), max_pixels=600)


@pytest.mark.parametrize("mode", ["stretch", "center_crop", "letterbox"])
@pytest.mark.parametrize("size", [(20, 30), (30, 20), (16, 16), (200, 3)])
def test_resize_gives_a_square(mode, size):
    pixels = tf.constant(np.asarray(noise(*size)))
    resized = decoding.resize(pixels, 16, mode)
    assert resized.shape == (16, 16, 3)
    assert resized.dtype == tf.uint8


def test_resize_modes_differ_as_they_should():
    pixels = np.zeros([10, 30, 3], np.uint8)
    pixels[:, 10:20] = 255
    assert decoding.resize(pixels, 10, "center_crop").numpy().min() == 255
    letterbox = decoding.resize(pixels, 30, "letterbox").numpy()
    assert letterbox[:9].max() == 0
    assert letterbox[15, 15].min() == 255
    assert decoding.resize(pixels, 10, "stretch").numpy()[:, 0].max() == 0


def test_shrinking_does_not_alias():
    stripes = np.zeros([64, 64, 3], np.uint8)
    stripes[:, ::2] = 255
    shrunk = decoding.resize(stripes, 16, "stretch").numpy()
    assert np.abs(shrunk.astype(int) - 127).max() <= 24


def test_unknown_resize_mode():
    with pytest.raises(ValueError, match="known: stretch, center_crop, letterbox"):
        decoding.resize(tf.zeros([2, 2, 3], tf.uint8), 4, "squash")


def test_a_bad_image_spoils_itself_alone():
    good = saved(noise(20, 30), "PNG")
    pixels, refused = decoding.batch_pixels(tf.constant([good, b"", good]), 16, "stretch")
    alone, _ = decoding.batch_pixels(tf.constant([good]), 16, "stretch")
    assert refused.numpy().tolist() == [b"", b"not_an_image", b""]
    np.testing.assert_array_equal(pixels[0], alone[0])
    np.testing.assert_array_equal(pixels[2], alone[0])
    assert pixels[1].numpy().max() == 0


def test_the_reader_of_a_batch_is_made_once_and_reads_as_the_graph_does():
    read = decoding.batch_reader(16, "letterbox")
    assert decoding.batch_reader(16, "letterbox") is read
    assert decoding.batch_reader(17, "letterbox") is not read
    encoded = tf.constant([saved(noise(20, 30), "PNG"), b"none"])
    for found, expected in zip(
        read(encoded), decoding.batch_pixels(encoded, 16, "letterbox"), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_an_empty_batch():
    pixels, refused = decoding.batch_pixels(tf.constant([], tf.string), 16, "stretch")
    assert pixels.shape == (0, 16, 16, 3)
    assert refused.shape == (0,)


def transparent_png(kind: str) -> bytes:
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (20, 30, 4), np.uint8))
    if kind == "palette":
        return saved(image.convert("RGB").quantize(16), "PNG", transparency=3)
    if kind == "one colour":
        colour = image.getpixel((0, 0))[:3]
        return saved(image.convert("RGB"), "PNG", transparency=colour)
    return saved(image.convert(kind), "PNG")


# Of the first two there are graphs for other tests, too.
@pytest.mark.parametrize(
    "background",
    [
        image_reading.DEFAULT.background,
        encodings.BACKGROUND,
        pytest.param((0, 0, 0), marks=pytest.mark.landing),
    ],
)
@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "one colour", "RGB", "L"])
def test_transparency_is_blended_as_ingest_does(kind, background):
    content = transparent_png(kind)
    pixels, _ = decoding.reader(image_reading.Reading(background))(content)
    config = decode_config.DecodeConfig(background="#{:02x}{:02x}{:02x}".format(*background))
    assert config.background_rgb() == background
    expected = decode.decode(content, config)
    with Image.open(io.BytesIO(expected.encoded)) as image:
        np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))
