"""Remembered colour profiles give the pixels of the complete graph, bit for bit, whatever came before."""

import struct

import hypothesis
import numpy as np
import pytest
from PIL import ImageCms

from data.images import image_reading
from tests.data import icc
from tests.data.pictures import noise, saved
from tests.serving import pixel_stages
from tests.serving.backend import colour_profiles, plain_image
from tests.serving.pixel_stages import require_equal

pytestmark = pytest.mark.xdist_group("decoding")

P3 = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
ADOBE = icc.rgb(icc.ADOBE_RGB, icc.curv(563))
DARK = icc.grey(icc.curv(1000))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def stages():
    return pixel_stages.fresh()


def photo(profile: bytes, mode: str = "RGB", seed: int = 0) -> bytes:
    return saved(noise(40, 30, seed).convert(mode), "JPEG", icc_profile=profile)


def test_profiles_of_every_kind_give_the_pixels_of_the_complete_graph(stages):
    profiles = [
        *(P3, ADOBE, SRGB, icc.rgb(icc.PROPHOTO, icc.curv(461)), b"", b"no profile"),
        *(P3[:200], P3[:-30], DARK, icc.profile({"A2B0": b"mft1" + bytes(60)})),
    ]
    contents = [photo(profile, seed=seed) for seed, profile in enumerate(profiles)]
    contents += [photo(profile, "L") for profile in (P3, DARK, SRGB, b"")]
    for _ in range(2):  # asked, and remembered
        refused = require_equal(stages, contents)
        assert [*refused].count(b"colour_profile") == 1
    assert all(plain_image.examine(content) for content in contents)


@hypothesis.given(hypothesis.strategies.integers(0, 600), hypothesis.strategies.integers(0, 255))
def test_a_damaged_profile_gives_the_pixels_of_the_complete_graph(place, value):
    changed = bytearray(ADOBE)
    changed[place % len(changed)] = value
    stages = pixel_stages.fresh()
    for _ in range(2):
        require_equal(stages, [photo(bytes(changed))])


def test_a_damaged_photo_with_a_profile_fails_alone(stages):
    good, cut = photo(P3), photo(P3)[:-200]
    refused = require_equal(stages, [good, cut, photo(b""), photo(P3, seed=2)])
    assert [*refused] == [b"", b"damaged", b"", b""]


def test_a_profile_that_the_graph_does_not_find_says_nothing_of_others(stages):
    """A hostile file must not decide how the images of others are read."""
    bare = photo(b"")
    place = bare.index(b"\xff\xc4", bare.index(b"\xff\xc0"))
    part = b"ICC_PROFILE\0\1\1" + P3
    hidden = bare[:place] + struct.pack(">BBH", 0xFF, 0xE2, len(part) + 2) + part + bare[place:]
    require_equal(stages, [hidden])
    require_equal(stages, [photo(P3)])


def test_profiles_are_not_applied_where_ingest_does_not():
    stages = pixel_stages.fresh(image_reading.Reading(convert_to_srgb=False))
    plain = stages.of(np.array([photo(b"")], object))[0]
    np.testing.assert_array_equal(stages.of(np.array([photo(P3)], object))[0], plain)
    require_equal(stages, [photo(P3), photo(b"no profile")])


def remembered(monkeypatch, most: int) -> tuple[colour_profiles.Memory, list[bytes]]:
    asked: list[bytes] = []
    monkeypatch.setattr(colour_profiles, "MAX_REMEMBERED", most)

    def ask(encoded: bytes) -> colour_profiles.Colours:
        asked.append(encoded)
        return colour_profiles.Colours()

    return colour_profiles.Memory(ask), asked


def test_a_profile_is_asked_about_once_for_each_number_of_channels(monkeypatch):
    memory, asked = remembered(monkeypatch, 10)
    for profile, channels, encoded in [
        (b"", 3, b"none"),
        (b"p", 3, b"1"),
        (b"p", 3, b"2"),
        (b"p", 1, b"3"),
        (b"q", 3, b"4"),
    ]:
        assert memory.colours(profile, channels, encoded) == colour_profiles.Colours()
    assert asked == [b"1", b"3", b"4"]


def test_the_profile_that_was_not_used_for_longest_is_forgotten(monkeypatch):
    memory, asked = remembered(monkeypatch, 2)
    for profile in (b"a", b"b", b"a", b"c", b"a", b"b"):
        memory.colours(profile, 3, profile)
    assert asked == [b"a", b"b", b"c", b"b"]


def test_pixels_stay_the_same_while_profiles_are_forgotten(stages, monkeypatch):
    monkeypatch.setattr(colour_profiles, "MAX_REMEMBERED", 1)
    for _ in range(2):
        require_equal(stages, [photo(P3), photo(ADOBE), photo(P3, seed=1), photo(DARK, "L")])


def test_many_pixels_are_converted_in_blocks():
    found = colour_profiles.tables(
        np.random.default_rng(0).integers(-(1 << 26), 1 << 26, (3, 256, 3)).astype(np.int32),
        np.int32(1 << 13),
        np.arange(16385, dtype=np.uint32).astype(np.uint8),
    )
    pixels = np.random.default_rng(1).integers(0, 256, (130, 190, 3)).astype(np.uint8)
    sums = sum(found.rows[index][pixels[..., index]] for index in range(3)) + (1 << 13)
    expected = found.levels[np.clip(sums >> 14, 0, 16384)][..., :3]
    np.testing.assert_array_equal(found.convert(pixels), expected)
