import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, features
from pydantic import ValidationError

from data.images import decode, decode_config, refusals, value_range, verify
from tests.data import encodings
from tests.data.pictures import noise, png_header, saved

pytestmark = pytest.mark.xdist_group("decoding")

CONFIG = decode_config.DecodeConfig()


def accepted(content: bytes, config: decode_config.DecodeConfig = CONFIG) -> decode.Decoded:
    """Decodes as ingest does: what TensorFlow does not take as it is, is encoded anew."""
    result = decode.decode(content, config)
    assert isinstance(result, decode.Decoded), result
    if not verify.same_pixels(result):
        result = decode.decode(content, config, reencode=True)
        assert isinstance(result, decode.Decoded), result
        assert verify.same_pixels(result)
    return result


def limited(**limits: object) -> decode_config.DecodeConfig:
    return decode_config.DecodeConfig(limits=decode_config.Limits(**limits))


def pixels_of(result: decode.Decoded) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(result.encoded)).convert("RGB"))


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_images_are_stored_as_they_are(format, mode):
    content = saved(noise(20, 30).convert(mode), format)
    result = accepted(content)
    assert result.encoded == content
    info = result.info
    assert (info.format, info.height, info.width) == (format, 20, 30)
    assert (info.source_format, info.reencoded) == (format, False)
    assert info.channels == (3 if mode == "RGB" else 1)


@pytest.mark.parametrize("format", ["WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_other_formats_are_encoded_anew(format):
    image = noise(20, 30)
    result = accepted(saved(image, format))
    assert (result.info.source_format, result.info.reencoded) == (format, True)
    assert result.info.format == ("JPEG" if format == "WEBP" else "PNG")
    tolerance = 40 if format in ("WEBP", "GIF") else 0
    assert np.abs(pixels_of(result).astype(int) - np.asarray(image)).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_baked_in(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(noise(20, 30), "JPEG", exif=exif, quality=95)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    result = accepted(content)
    assert (result.info.height, result.info.width) == upright.shape[:2]
    assert np.abs(pixels_of(result).astype(int) - upright).max() <= 16
    assert Image.open(io.BytesIO(result.encoded)).getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_an_invalid_orientation_turns_nothing(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(noise(20, 30), format, exif=exif)
    result = accepted(content)
    assert (result.info.height, result.info.width) == (20, 30)
    assert (result.encoded == content) == (format != "WEBP")


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken(format):
    frames = [Image.new("RGB", (16, 12), colour) for colour in ((200, 30, 30), (30, 30, 200))]
    result = accepted(saved(frames[0], format, save_all=True, append_images=frames[1:]))
    assert np.abs(pixels_of(result).astype(int) - (200, 30, 30)).max() <= 8


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_every_mode_becomes_grey_or_rgb(mode):
    image = Image.new(mode, (8, 8)) if mode == "I;16" else noise(8, 8).convert(mode)
    result = accepted(saved(image, "TIFF" if mode in ("CMYK", "I;16") else "PNG"))
    assert result.info.channels in (1, 3)


def test_transparency_shows_the_background():
    result = accepted(saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG"))
    assert (pixels_of(result) == 255).all()


def test_sixteen_bits_keep_their_range():
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    result = accepted(saved(Image.fromarray(values), "PNG"))
    assert np.abs(pixels_of(result)[..., 0].astype(int) - values / 257).max() <= 1


def test_bytes_are_encoded_anew_when_asked():
    content = saved(noise(8, 8), "PNG", compress_level=0)
    result = decode.decode(content, CONFIG, reencode=True)
    assert isinstance(result, decode.Decoded)
    assert result.encoded != content
    assert result.info.reencoded
    assert verify.same_pixels(result)


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
    result = decode.decode(content, CONFIG)
    assert isinstance(result, decode.Rejection)
    assert result.reason == reason
    assert reason in refusals.REASONS


def test_too_many_bytes():
    content = saved(noise(8, 8), "PNG")
    assert decode.decode(content, limited(max_bytes=len(content) - 1)).reason == "too_many_bytes"


def test_too_long():
    content = saved(noise(4, 600), "PNG")
    assert decode.decode(content, limited(max_side_px=599)).reason == "too_long"
    assert isinstance(decode.decode(content, limited(max_side_px=600)), decode.Decoded)


GOOD = [
    saved(noise(16, 16), format) for format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")
]


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
    result = decode.decode(bytes(mutated[: max(0, len(mutated) - cut)]), CONFIG)
    if isinstance(result, decode.Rejection):
        assert result.reason in refusals.REASONS
    elif not verify.same_pixels(result):
        again = decode.decode(bytes(mutated[: max(0, len(mutated) - cut)]), CONFIG, reencode=True)
        assert isinstance(again, decode.Decoded)
        assert verify.same_pixels(again)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_photos_are_stored_reduced_when_asked(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = noise(400, 1200)
    result = accepted(
        saved(image, format, exif=exif, **({"quality": 95} if format == "JPEG" else {})),
        decode_config.DecodeConfig(max_side_px=300),
    )
    upright = image if orientation == 1 else image.transpose(Image.Transpose.ROTATE_270)
    assert (result.info.width, result.info.height) == (upright.width // 4, upright.height // 4)
    expected = np.asarray(upright.resize((result.info.width, result.info.height)))
    assert np.abs(pixels_of(result).astype(int) - expected).mean() < 4
    small = saved(noise(40, 60), format)
    assert accepted(small, decode_config.DecodeConfig(max_side_px=300)).info.width == 60


@pytest.mark.parametrize(("background", "expected"), [("black", 0), ("#804020", (128, 64, 32))])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_the_background_is_a_setting(mode, background, expected):
    image = Image.new("RGBA", (4, 4), (255, 255, 255, 0)).convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    result = accepted(
        saved(image, "PNG", **options), decode_config.DecodeConfig(background=background)
    )
    assert (pixels_of(result) == expected).all()


def test_an_unknown_colour_is_a_config_error():
    with pytest.raises(ValidationError, match="a name such as white, or #rrggbb"):
        decode_config.DecodeConfig(background="no colour")


def wide_gamut_profile() -> bytes:
    """A profile with other primaries than sRGB: littleCMS has XYZ and Lab at hand."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()


def test_colour_profiles_are_converted_to_srgb():
    image = noise(20, 30)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = saved(image, "JPEG", icc_profile=profile)
    assert accepted(same).encoded == same  # sRGB is what all assume anyway
    for broken in (b"no profile", wide_gamut_profile()):
        assert accepted(saved(image, "JPEG", icc_profile=broken)).info.source_format == "JPEG"


def test_a_real_wide_gamut_photo_is_converted(shared):
    found = 0
    for path in sorted(shared("datasets/flower_photos_200").rglob("*.jpg")):
        with Image.open(path) as image:
            profile = image.info.get("icc_profile")
            if not profile or b"sRGB" in profile:
                continue
            expected = ImageCms.profileToProfile(
                image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        content = path.read_bytes()
        result = accepted(content)
        if result.info.reencoded:
            found += 1
            difference = np.abs(pixels_of(result).astype(int) - np.asarray(expected))
            assert difference.mean() < 2
            off = decode_config.DecodeConfig(convert_to_srgb=False)
            assert accepted(content, off).encoded == content
        if found == 5:
            break
    assert found == 5


def test_heif(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    pillow_heif.register_heif_opener()
    image = noise(64, 96)
    result = accepted(saved(image, "HEIF", quality=95))
    assert (result.info.source_format, result.info.format) == ("HEIF", "JPEG")
    assert np.abs(pixels_of(result).astype(int) - np.asarray(image)).mean() < 6


def test_avif():
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    image = noise(64, 96)
    result = accepted(saved(image, "AVIF", quality=90))
    assert (result.info.source_format, result.info.format) == ("AVIF", "JPEG")
    assert np.abs(pixels_of(result).astype(int) - np.asarray(image)).mean() < 6


def test_what_the_served_graph_makes_of_a_file_is_compared_with_what_is_stored():
    rules, whole = decode_config.DecodeConfig(background="#0a64ff"), value_range.TYPE_16
    other = saved(noise(20, 30, seed=1), "PNG")
    for content in (
        saved(noise(20, 30).quantize(16), "PNG", bits=4),
        saved(noise(20, 30), "JPEG", exif=encodings.exif(6), quality=95),
        saved(noise(20, 30).convert("CMYK"), "JPEG", quality=95),
    ):
        image = decode.decode(content, rules)
        assert image.info.reencoded
        assert verify.refusal(content, image, rules, whole) == ""
        assert verify.refusal(other, image, rules, whole) == refusals.SEEN_OTHERWISE
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = saved(noise(4, 3).resize((900, 600)), "JPEG", quality=95, icc_profile=profile)
    image = decode.decode(photo, rules)
    assert (image.info.reencoded, image.scale) == (False, 4)
    assert verify.may_be_seen_otherwise(image, rules)
    assert verify.refusal(photo, image, rules, whole) == ""
    webp = saved(noise(20, 30), "WEBP")
    image = decode.decode(webp, rules)
    assert verify.refusal(webp, image, rules, whole) == refusals.UNSUPPORTED_FORMAT
    reduced = rules.model_copy(update={"max_side_px": 16})
    large = saved(noise(4, 3).resize((90, 60), Image.Resampling.BICUBIC), "PNG")
    image = decode.decode(large, reduced)
    assert (image.info.height, image.info.width) == (11, 16)
    assert verify.refusal(large, image, reduced, whole) == ""
