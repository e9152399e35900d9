"""The graph must make of an embedded profile what ingest makes of it, by Pillow and LittleCMS."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from data.graph import decoding, icc_conversion
from data.images import colour, decode, decode_config, image_reading, refusals
from tests.data import icc
from tests.data.pictures import noise, saved

pytestmark = pytest.mark.xdist_group("decoding")

CONVERTED, UNCHANGED, NOT_APPLICABLE = (
    icc_conversion.Outcome[name] for name in ("CONVERTED", "UNCHANGED", "NOT_APPLICABLE")
)
GAMMA_18, GAMMA_22 = icc.curv(round(1.8 * 256)), icc.curv(round(2.2 * 256))
P3 = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
SRGB_FILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def colours() -> np.ndarray:
    """More pixels than one block has: all over the cube, dark ones, and greys."""
    values = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    values[:40] //= 8
    values[40:80] = values[40:80, :, :1]
    return values


RGB = Image.fromarray(colours())
GREY = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (4, 1)))


def ask(content: bytes) -> tuple[icc_conversion.Outcome, np.ndarray, np.ndarray]:
    """The outcome, what the graph makes of Pillow's pixels, and what ingest makes of them."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        decoded = np.asarray(image.convert("RGB"))
        converted = colour.to_srgb(image) if "icc_profile" in image.info else None
    expected = decoded if converted is None else np.asarray(converted.convert("RGB"))
    pixels, outcome = icc_conversion.to_srgb(decoded, content)
    assert pixels.dtype == tf.uint8
    if outcome.numpy() != CONVERTED:
        np.testing.assert_array_equal(pixels, decoded)
    return icc_conversion.Outcome(outcome.numpy()), pixels.numpy().astype(int), expected.astype(int)


def agree(content: bytes) -> icc_conversion.Outcome:
    """The outcome, after a look whether ingest sees the same."""
    outcome, pixels, expected = ask(content)
    assert outcome != NOT_APPLICABLE
    # In fact equal to the last bit; another LittleCMS may round otherwise.
    assert np.abs(pixels - expected).max() <= 1
    assert np.abs(pixels - expected).mean() <= 0.01
    return outcome


CONVERTED_RGB = {
    "Display P3": P3,
    "Display P3, version 4": icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE, version=0x04300000),
    "Adobe RGB": icc.rgb(icc.ADOBE_RGB, GAMMA_22),
    "ProPhoto RGB": icc.rgb(icc.PROPHOTO, GAMMA_18, white=[0.3457, 0.3585]),
    "generic RGB": icc.rgb(icc.SRGB, GAMMA_18),
    "linear": icc.rgb(icc.SRGB, icc.curv()),
    "function 0": icc.rgb(icc.DISPLAY_P3, icc.para(0, 1.8)),
    "function 1": icc.rgb(icc.DISPLAY_P3, icc.para(1, 2.0, 1.1, -0.1)),
    "function 1, flat": icc.rgb(icc.DISPLAY_P3, icc.para(1, 2.0, 0, 0.5)),
    "function 2": icc.rgb(icc.DISPLAY_P3, icc.para(2, 2.0, 1.05, -0.05, 0)),
    "function 3": icc.rgb(icc.DISPLAY_P3, icc.para(3, 2.2, 0.95, 0.05, 0.08, 0.05)),
    "function 4": icc.rgb(icc.DISPLAY_P3, icc.para(4, 2.2, 0.9, 0.1, 0.1, 0.05, -0.01, 0)),
    "table of 2": icc.rgb(icc.DISPLAY_P3, icc.table(lambda x: x, 2)),
    "table of 1024": icc.rgb(icc.DISPLAY_P3, icc.table(lambda x: x**1.8, 1024)),
    "descending table": icc.rgb(icc.DISPLAY_P3, icc.table(lambda x: 1 - x**2, 256)),
    "three curves": icc.rgb(
        icc.DISPLAY_P3, [GAMMA_18, icc.SRGB_CURVE, icc.table(lambda x: x**2, 100)]
    ),
    "Lab": icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE, connection="Lab "),
    "a table for another intent": icc.rgb(
        icc.DISPLAY_P3, icc.SRGB_CURVE, extra={"A2B1": icc.lut16(3)}
    ),
}


@pytest.mark.parametrize("name", CONVERTED_RGB)
def test_rgb_profiles_are_applied_as_littlecms_does(name):
    assert agree(saved(RGB, "PNG", icc_profile=CONVERTED_RGB[name])) == CONVERTED


@pytest.mark.parametrize("connection", ["XYZ ", "Lab "])
@pytest.mark.parametrize(
    "curve", [GAMMA_18, GAMMA_22, icc.curv(), icc.table(lambda x: 0.05 + 0.95 * x**2, 256)]
)
def test_grey_profiles_are_applied_as_littlecms_does(curve, connection):
    content = saved(GREY, "PNG", icc_profile=icc.grey(curve, connection=connection))
    assert agree(content) == CONVERTED


@pytest.mark.parametrize(
    "curve",
    [
        icc.para(1, 2.0, 0.9, 0.1),
        icc.para(2, 2.0, 0.9, 0.05, 0.01),
        icc.para(4, 2.2, 0.9, 0.1, 0.1, 0.05, 0.03, 0.02),
        icc.table(lambda x: 0.05 + 0.95 * x**2, 256),
    ],
)
def test_a_lifted_black_is_compensated(curve):
    """LittleCMS interpolates these in a grid of 33³ colours; dark saturated ones are off by it."""
    outcome, pixels, expected = ask(saved(RGB, "PNG", icc_profile=icc.rgb(icc.DISPLAY_P3, curve)))
    assert outcome == CONVERTED
    assert np.abs(pixels - expected).mean() <= 0.2
    assert np.abs(pixels - expected).max() <= 16
    assert pixels.min() == 0


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    "profile", [SRGB_FILE, icc.rgb(icc.SRGB, icc.SRGB_CURVE)], ids=["LittleCMS", "made here"]
)
def test_srgb_leaves_pixels_alone(profile, format):
    assert agree(saved(RGB, format, icc_profile=profile)) == UNCHANGED


def test_images_without_a_profile_are_left_alone():
    for format in ("JPEG", "PNG", "GIF", "BMP"):
        assert agree(saved(RGB, format)) == UNCHANGED


@pytest.mark.parametrize(
    ("image", "profile", "expected"),
    [
        (GREY, P3, UNCHANGED),
        (RGB, icc.grey(GAMMA_18), UNCHANGED),
        (RGB, icc.CMYK, UNCHANGED),
        (GREY.convert("1"), icc.grey(GAMMA_18), UNCHANGED),  # as Pillow: not one of its modes
        (GREY.convert("I;16"), icc.grey(GAMMA_18), UNCHANGED),
        (GREY.convert("LA"), icc.grey(GAMMA_18), CONVERTED),
        (RGB.quantize(64), P3, CONVERTED),
        (RGB.convert("RGBA"), P3, CONVERTED),
    ],
)
def test_a_profile_is_applied_to_the_modes_that_pillow_applies_it_to(image, profile, expected):
    assert agree(saved(image, "PNG", icc_profile=profile)) == expected


def replaced(profile: bytes, at: int, value: bytes) -> bytes:
    return profile[:at] + value + profile[at + len(value) :]


def entry(profile: bytes, tag: str) -> int:
    """Where a tag's entry in the directory begins."""
    return profile.index(tag.encode(), 132)


BROKEN = {
    "no profile": b"no profile",
    "empty but for a header": bytes(132),
    "no signature": replaced(P3, 36, b"xxxx"),
    "version 5.1": replaced(P3, 8, b"\5\x10"),
    "unknown class": replaced(P3, 12, b"what"),
    "unknown connection space": replaced(P3, 20, b"Luv "),
    "more tags than it holds": replaced(P3, 128, struct.pack(">I", 90)),
    "too many tags": replaced(P3, 128, struct.pack(">I", 0xFFFFFFFF)),
    "a tag twice": replaced(P3, entry(P3, "gXYZ"), b"rXYZ"),
    "no green": replaced(P3, entry(P3, "gXYZ"), b"nope"),
    "an offset beyond the end": replaced(P3, entry(P3, "gTRC") + 4, b"\xff" * 4),
    "a size beyond the end": replaced(P3, entry(P3, "gTRC") + 8, b"\x7f" * 4),
    "a size of nothing": replaced(P3, entry(P3, "gTRC") + 8, bytes(4)),
    "a curve of another type": P3.replace(b"para", b"text"),
    "an unknown function": P3.replace(b"para\0\0\0\0\0\3", b"para\0\0\0\0\0\5"),
    "a curve too long": icc.rgb(icc.SRGB, b"curv\0\0\0\0\0\0\x80\0" + bytes(70000)),
    "a curve past the end": icc.rgb(icc.SRGB, b"curv\0\0\0\0\0\0\x7f\xff" + bytes(70)),
    "a device link": icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE, device_class="link"),
    **{f"cut off at {n}": P3[:n] for n in (4, 127, 131, 150, 204, 260, len(P3) - 1)},
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_profiles_are_ignored_where_pillow_ignores_them(name):
    assert agree(saved(RGB, "PNG", icc_profile=BROKEN[name])) == UNCHANGED


@pytest.mark.parametrize(
    "profile",
    [
        replaced(P3, 0, bytes(2) + b"\xff\xff"),  # a size in the header beyond the end
        replaced(P3, entry(P3, "gTRC") + 8, struct.pack(">I", 8)),  # less than the curve takes
        P3 + b"more",
    ],
)
def test_sloppy_profiles_are_applied_where_pillow_applies_them(profile):
    assert agree(saved(RGB, "PNG", icc_profile=profile)) == CONVERTED


def in_segments(*parts: tuple[int, int, bytes]) -> bytes:
    """A JPEG with parts of a profile: the number of each, the count it tells, its bytes."""
    content = saved(RGB, "JPEG", quality=95)
    segments = b""
    for number, count, part in parts:
        payload = b"ICC_PROFILE\0" + bytes([number, count]) + part
        segments += b"\xff\xe2" + struct.pack(">H", len(payload) + 2) + payload
    return content[:2] + b"\xff\xe2\x00\x06XYZ\0" + segments + content[2:]


FIRST, SECOND, THIRD = P3[:100], P3[100:101], P3[101:]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(1, 1, P3)], CONVERTED),
        ([(1, 3, FIRST), (2, 3, SECOND), (3, 3, THIRD)], CONVERTED),
        ([(3, 3, THIRD), (1, 3, FIRST), (2, 3, SECOND)], CONVERTED),
        ([(0, 2, FIRST + SECOND), (7, 2, THIRD)], CONVERTED),  # only their order counts
        ([(1, 3, FIRST), (3, 3, THIRD)], UNCHANGED),
        ([(1, 2, FIRST), (2, 2, SECOND), (3, 2, THIRD)], UNCHANGED),
        ([(1, 0, P3)], UNCHANGED),
        ([(1, 1, b"")], UNCHANGED),
    ],
)
def test_a_profile_in_several_segments(parts, expected):
    assert agree(in_segments(*parts)) == expected


def test_parts_of_one_number_are_not_guessed_at():
    assert ask(in_segments((1, 2, FIRST), (1, 2, SECOND + THIRD)))[0] == NOT_APPLICABLE


def test_a_profile_is_found_behind_fill_bytes_and_many_segments():
    content = in_segments((1, 1, P3))
    behind = content[:2] + b"\xff\xff\xff" + b"\xff\xed\x00\x40" + bytes(62) + content[2:]
    assert agree(behind) == CONVERTED
    assert agree(content[:2] + (b"\xff\xe1\x00\x04xy" * 900) + content[2:]) == CONVERTED
    endless = content[:2] + (b"\xff\xe1\x00\x02" * 1100) + content[2:]
    assert ask(endless)[0] == NOT_APPLICABLE


@pytest.mark.parametrize(
    ("image", "profile"),
    [
        (Image.new("CMYK", (40, 30), (10, 90, 40, 20)), icc.CMYK),
        (RGB, icc.profile({"A2B0": icc.lut16(3)}, connection="Lab ")),
        (GREY, icc.profile({"A2B0": icc.lut16(1)}, space="GRAY", connection="Lab ")),
        # A black both lifted and coloured.
        (RGB, icc.rgb(icc.SRGB, [GAMMA_22, icc.table(lambda x: 0.1 + 0.9 * x, 9), GAMMA_22])),
    ],
    ids=["CMYK", "RGB by tables", "grey by tables", "coloured black"],
)
def test_what_cannot_be_applied_is_told(image, profile):
    content = saved(image, "JPEG", icc_profile=profile)
    with Image.open(io.BytesIO(content)) as opened:
        assert colour.differs(opened)  # ingest converts by it
    assert ask(content)[0] == NOT_APPLICABLE


def png_with(chunk: bytes) -> bytes:
    """A PNG with this content of an iCCP chunk."""
    content = saved(GREY.convert("RGB"), "PNG")
    whole = b"iCCP" + chunk
    whole = struct.pack(">I", len(chunk)) + whole + struct.pack(">I", zlib.crc32(whole))
    return content[:33] + whole + content[33:]


def outcome_of(content: bytes) -> icc_conversion.Outcome:
    return icc_conversion.Outcome(
        icc_conversion.to_srgb(np.zeros([2, 2, 3], np.uint8), content)[1].numpy()
    )


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (b"name\0\0" + zlib.compress(P3), CONVERTED),
        (b"\0\0" + zlib.compress(P3) + b"behind", CONVERTED),
        (b"name\0\0" + zlib.compress(P3 + bytes(range(200)))[:-20], CONVERTED),
        (b"name\0\0" + zlib.compress(P3)[:60], UNCHANGED),
        (b"name\0\0" + zlib.compress(P3)[:-1] + b"\0", UNCHANGED),
        (b"name\0\0what is this", UNCHANGED),
        (b"name\0\0", UNCHANGED),
    ],
)
def test_compressed_profiles(chunk, expected):
    assert agree(png_with(chunk)) == expected


@pytest.mark.parametrize("chunk", [b"", b"n" * 400, b"name\0\1" + zlib.compress(P3)])
def test_chunks_that_pillow_refuses_the_image_for(chunk):
    assert outcome_of(png_with(chunk)) == NOT_APPLICABLE


def test_a_bomb_is_refused_before_it_takes_memory():
    compressor = zlib.compressobj(9)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(512)) + compressor.flush()
    assert 400_000 < len(bomb) < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert outcome_of(png_with(b"bomb\0\0" + bomb)) == NOT_APPLICABLE
    assert outcome_of(png_with(b"long\0\0" + bytes(2 << 20))) == NOT_APPLICABLE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB


def test_photos_with_profiles_become_what_ingest_makes_of_them(shared):
    outcomes = []
    for path in sorted(shared("datasets/flower_photos_200").rglob("*.jpg")):
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if "icc_profile" in image.info:
                outcomes.append(agree(content))
    assert (outcomes.count(CONVERTED), outcomes.count(UNCHANGED)) == (36, 25)


SEEDS = [
    P3,
    icc.rgb(icc.ADOBE_RGB, GAMMA_22),
    icc.rgb(icc.DISPLAY_P3, icc.table(lambda x: x**1.8, 40)),
    icc.rgb(icc.SRGB, icc.para(4, 2.2, 0.9, 0.1, 0.1, 0.05, -0.01, 0)),
]


@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(st.integers(0, 600) | st.integers(0, 210), st.integers(0, 255)), max_size=4
    ),
    length=st.integers(0, 600) | st.just(600),
)
def test_whatever_is_wrong_with_a_profile_the_graph_agrees_with_ingest(seed, changes, length):
    profile = bytearray(seed[:length])
    for at, value in changes:
        if at < len(profile):
            profile[at] = value
    content = in_segments((1, 1, bytes(profile)))
    outcome, pixels, expected = ask(content)
    if outcome != NOT_APPLICABLE:
        assert np.abs(pixels - expected).mean() <= 0.3


served = decoding.reader(image_reading.DEFAULT)


def turned(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(image, "JPEG", icc_profile=P3, exif=exif, quality=95, subsampling=0)


@pytest.mark.parametrize(
    "content",
    [
        saved(noise(30, 40), "JPEG", icc_profile=P3, quality=95, subsampling=0),
        turned(noise(30, 40)),
        saved(noise(30, 40).convert("L"), "JPEG", icc_profile=icc.grey(GAMMA_18), quality=95),
        saved(RGB, "PNG", icc_profile=P3),
        saved(GREY.convert("LA"), "PNG", icc_profile=icc.grey(GAMMA_18)),
        saved(Image.merge("RGBA", (*RGB.split(), RGB.getchannel(0))), "PNG", icc_profile=P3),
        saved(RGB.quantize(16), "PNG", icc_profile=P3, transparency=3),
        saved(RGB, "PNG", icc_profile=P3, transparency=RGB.getpixel((0, 0))),
        saved(GREY.convert("1"), "PNG", icc_profile=icc.grey(GAMMA_18)),
        saved(GREY.convert("I;16"), "PNG", icc_profile=icc.grey(GAMMA_18)),
    ],
    ids=["JPEG", "turned", "grey", "PNG", "LA", "RGBA", "palette", "key", "bits", "16-bit"],
)
def test_a_file_is_served_as_ingest_stores_it(content):
    config = decode_config.DecodeConfig(background="#102030")
    reading = image_reading.Reading(background=config.background_rgb())
    stored = decode.decode(content, config, reencode=True)  # by PNG, which loses nothing
    with Image.open(io.BytesIO(stored.encoded)) as image:
        expected = np.asarray(image.convert("RGB"))
    pixels = decoding.decode(tf.constant(content), reading).numpy()
    difference = np.abs(pixels.astype(int) - expected)
    if stored.info.source_format == "JPEG":  # two decoders: by themselves 1 level apart in the mean
        assert difference.mean() <= 2
    else:
        assert difference.max() <= 1
    # What is stored means the same to all, whether they look for profiles or not.
    for rule in (reading, image_reading.STORED):
        again = decoding.decode(tf.constant(stored.encoded), rule)
        np.testing.assert_array_equal(again, expected)


def test_profiles_are_left_alone_where_ingest_left_them_alone():
    content = saved(RGB, "PNG", icc_profile=P3)
    pixels = decoding.decode(tf.constant(content), image_reading.Reading(convert_to_srgb=False))
    np.testing.assert_array_equal(pixels, np.asarray(RGB))
    assert (
        decode.decode(content, decode_config.DecodeConfig(convert_to_srgb=False)).encoded == content
    )


def test_an_image_whose_profile_cannot_be_applied_is_invalid():
    content = saved(Image.new("CMYK", (40, 30), (10, 90, 40, 20)), "JPEG", icc_profile=icc.CMYK)
    pixels, reason = served(content)
    assert reason == refusals.COLOUR_PROFILE.encode()
    assert pixels.shape == (1, 1, 3)
    assert pixels.numpy().max() == 0
    with pytest.raises(tf.errors.InvalidArgumentError, match="colour_profile"):
        decoding.decode(tf.constant(content))
    kept = decoding.decode(tf.constant(content), image_reading.Reading(convert_to_srgb=False))
    assert kept.shape == (30, 40, 3)


@given(
    head=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]),
    pieces=st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            [b"\xff\xe2", b"ICC_PROFILE\0", b"iCCP", b"IDAT", b"\xff\xc0", P3, zlib.compress(P3)]
        ),
        max_size=12,
    ),
)
def test_whatever_is_wrong_with_a_file_nothing_is_raised(head, pieces):
    content = head + b"".join(pieces)
    outcome_of(content)
    served(content)
