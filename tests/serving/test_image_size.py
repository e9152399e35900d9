"""Sizes compared with Pillow's, and cases that Pillow does not report."""

import io
import struct
import time
import zlib

import hypothesis
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks import hostile_images
from serving.triton import image_size


@pytest.mark.parametrize("image", hostile_images.sound())
def test_sizes_of_sound_images(image):
    with Image.open(io.BytesIO(image)) as opened:
        frames = getattr(opened, "n_frames", 1)
        expected = opened.width * opened.height
    found = image_size.pixels(image)
    assert found == expected if frames == 1 else expected < found <= frames * expected


def test_frames_larger_than_the_screen_count():
    buffer = io.BytesIO()
    Image.new("P", (30, 20)).save(buffer, "GIF")
    one = hostile_images.bomb(buffer.getvalue(), 60_000, 60_000)
    frame = one[one.index(b"\x2c\0\0\0\0") : -1]
    assert image_size.pixels(one) >= 60_000**2
    assert image_size.gif_pixels(one[:-1] + frame + b";") == 2 * 60_000**2
    assert (
        image_size.gif_pixels(one[: one.index(b"\x2c\0\0\0\0")] + b"\x21\xfe\x02ab\0" + frame)
        == 60_000**2
    )
    endless = one[:-1] + b"\x21\xfe" + b"\x01a" * (1 << 20) + b"\0;"
    assert image_size.gif_pixels(endless) == image_size.TOO_LARGE


def with_scans(progressive: bool, components: int = 3) -> bytes:
    """Returns a JPEG of 40 × 60 with a hundred more starts of scans; the first scan states so many components."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((60, 40)).convert("RGB").save(
        buffer, "JPEG", progressive=progressive
    )
    content = bytearray(buffer.getvalue())
    if not progressive:
        content[content.index(b"\xff\xda") + 4] = components
    return bytes(content[:-2]) + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 100 + bytes(content[-2:])


def test_every_scan_that_a_decoder_reads_is_work():
    assert image_size.pixels(with_scans(True)) == 4 * 40 * 60
    assert image_size.pixels(with_scans(False, components=1)) == 4 * 40 * 60
    two_frames = with_scans(False)
    start, end = two_frames.index(b"\xff\xc0"), two_frames.index(b"\xff\xc4")
    assert image_size.pixels(two_frames[:end] + two_frames[start:]) == 4 * 40 * 60


def test_scans_behind_the_only_one_are_no_work():
    """The decoder ends with an error at the second one."""
    jpeg = with_scans(False)
    assert image_size.pixels(jpeg) == 40 * 60
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_jpeg(jpeg)


def test_what_is_no_image_has_no_pixels():
    webp = io.BytesIO()
    Image.new("RGB", (30, 20)).save(webp, "WEBP")
    for content in (b"", b"junk", b"GIF", b"GIF89a", b"\xff\xd8\xff", webp.getvalue()):
        assert image_size.pixels(content) == 0
    huge = hostile_images.bomb(hostile_images.sound()[8], 30_000, 30_000)
    assert struct.unpack_from(">I", huge, 16) == (30_000,)
    assert image_size.pixels(huge) == 30_000**2


def small(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("P" if form == "GIF" else "RGB", (30, 20)).save(buffer, form)
    return buffer.getvalue()


def endless() -> dict[str, bytes]:
    """Returns small images with megabytes of empty parts before the pixels, slow for decoders."""
    gif, png, jpeg = small("GIF"), small("PNG"), small("JPEG")
    frame = gif.index(b"\x2c\0\0\0\0")
    comment = b"\x21\xfe" + (b"\xff" + b"a" * 255) * 16_000 + b"\0"
    chunk = struct.pack(">I4sI", 0, b"zzZz", zlib.crc32(b"zzZz"))
    return {
        "GIF": gif[:frame] + comment + gif[frame:],
        "PNG": png[:33] + chunk * 400_000 + png[33:],
        "JPEG": jpeg[:2] + b"\xff\xec\0\2" * 1_000_000 + jpeg[2:],
        "JPEG of fill bytes": jpeg[:2] + b"\xff" * 4_000_000 + jpeg[2:],
    }


@pytest.mark.parametrize("name", endless())
def test_headers_are_read_in_bounded_time(name):
    start = time.process_time()
    assert image_size.pixels(endless()[name]) in (30 * 20, image_size.TOO_LARGE)
    assert time.process_time() - start < 1


@hypothesis.settings(derandomize=True, database=None, deadline=None)
@hypothesis.given(hostile_images.mutated(hostile_images.sound()))
def test_it_never_raises(image):
    assert image_size.pixels(image) >= 0
