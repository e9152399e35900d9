import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from data import decode, graph
from tests.conftest import noise

LIMITS = decode.Limits()


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def accepted(content: bytes, limits: decode.Limits = LIMITS) -> decode.Decoded:
    result = decode.decode(content, limits, graph.decodes_to)
    assert isinstance(result, decode.Decoded), result
    return result


def pixels_of(result: decode.Decoded) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(result.encoded)).convert("RGB"))


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_images_are_stored_as_they_are(format, mode):
    content = saved(noise(20, 30).convert(mode), format)
    result = accepted(content)
    assert result.encoded == content
    assert (result.format, result.height, result.width) == (format, 20, 30)
    assert result.channels == (3 if mode == "RGB" else 1)


@pytest.mark.parametrize("format", ["WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_other_formats_are_encoded_anew(format):
    image = noise(20, 30)
    result = accepted(saved(image, format))
    assert result.format == ("JPEG" if format == "WEBP" else "PNG")
    tolerance = 40 if format in ("WEBP", "GIF") else 0
    assert np.abs(pixels_of(result).astype(int) - np.asarray(image)).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_baked_in(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(noise(20, 30), "JPEG", exif=exif, quality=95)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    result = accepted(content)
    assert (result.height, result.width) == upright.shape[:2]
    assert np.abs(pixels_of(result).astype(int) - upright).max() <= 16
    assert Image.open(io.BytesIO(result.encoded)).getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_every_mode_becomes_grey_or_rgb(mode):
    image = Image.new(mode, (8, 8)) if mode == "I;16" else noise(8, 8).convert(mode)
    result = accepted(saved(image, "TIFF" if mode in ("CMYK", "I;16") else "PNG"))
    assert result.channels in (1, 3)


def test_transparency_shows_the_background():
    result = accepted(saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG"))
    assert (pixels_of(result) == 255).all()


def test_sixteen_bits_keep_their_range():
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    result = accepted(saved(Image.fromarray(values), "PNG"))
    assert np.abs(pixels_of(result)[..., 0].astype(int) - values / 257).max() <= 1


def test_bytes_that_tensorflow_refuses_are_encoded_anew():
    content = saved(noise(8, 8), "PNG", compress_level=0)
    result = decode.decode(content, LIMITS, lambda encoded, *_: encoded != content)
    assert isinstance(result, decode.Decoded)
    assert result.encoded != content


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"\x00\x00\x10\x00IDAT" + b"\x00" * 64
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + end
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello world, this is no image", "not_an_image"),
        (saved(noise(64, 64), "JPEG")[:-300], "damaged"),
        (saved(noise(64, 64), "PNG")[:200], "damaged"),
        (png_header(20_000, 14_000), "too_many_pixels"),
        (png_header(12_000, 10_000), "too_many_pixels"),
        (saved(noise(1, 30), "PNG"), "too_small"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not_an_image"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_images_are_rejected_with_a_reason(content, reason):
    result = decode.decode(content, LIMITS, graph.decodes_to)
    assert isinstance(result, decode.Rejection)
    assert result.reason == reason
    assert reason in decode.REASONS


def test_too_many_bytes():
    content = saved(noise(8, 8), "PNG")
    limits = decode.Limits(max_bytes=len(content) - 1)
    assert decode.decode(content, limits, graph.decodes_to).reason == "too_many_bytes"


GOOD = [saved(noise(16, 16), "JPEG"), saved(noise(16, 16), "PNG"), saved(noise(16, 16), "GIF")]


@settings(max_examples=300, deadline=None)
@given(
    content=st.sampled_from(GOOD),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 2_000),
)
@pytest.mark.filterwarnings("ignore")
def test_mutated_images_never_raise_and_what_passes_decodes(content, edits, cut):
    mutated = bytearray(content)
    for position, value in edits:
        mutated[position % len(mutated)] = value
    result = decode.decode(bytes(mutated[: max(0, len(mutated) - cut)]), LIMITS, graph.decodes_to)
    if isinstance(result, decode.Decoded):
        assert graph.decodes_to(result.encoded, result.height, result.width)
    else:
        assert result.reason in decode.REASONS
