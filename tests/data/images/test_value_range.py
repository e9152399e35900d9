"""Values of more than 8 bits: the rule, and what follows from it for a set."""

import io
import json

import numpy as np
import pydantic
import pytest
import tensorflow as tf
from PIL import Image

from components.image_example_gen import config
from data.graph import decoding
from data.images import decode, decode_config, image_reading, range_choice, value_range
from data.images.value_range import FLOAT, INTEGER, Range, Values
from tests.data import encodings

pytestmark = pytest.mark.xdist_group("decoding")


def integers(smallest, largest) -> Values:
    return Values(INTEGER, smallest, largest, value_range.TYPE_16)


def floats(smallest, largest) -> Values:
    return Values(FLOAT, smallest, largest, Range(0, 1))


def decided(setting, *members, counted=None):
    known = {f"{number}.png": values for number, values in enumerate(members)}
    return range_choice.decide(setting, known, counted or {})


@pytest.mark.parametrize(
    ("largest", "high"),
    [
        (0, 255),
        (255, 255),
        (256, 1023),
        (1023, 1023),
        (4095, 4095),
        (4096, 16_383),
        (65_535, 65_535),
    ],
)
def test_auto_takes_the_fewest_bits_that_hold_the_set(largest, high):
    scale, _ = decided("auto", integers(0, 3), integers(0, largest))
    assert scale.integers == Range(0, high)


@pytest.mark.parametrize(
    ("setting", "members", "expected"),
    [
        ("auto", [integers(0, 100_000)], Range(0, 100_000)),
        ("auto", [integers(-1024, 3071)], Range(-1024, 3071)),
        ("auto", [], Range(0, 65_535)),
        ("type", [integers(0, 4095)], Range(0, 65_535)),
        ("type", [integers(0, 70_000)], Range(0, 2**31 - 1)),
        ("type", [integers(-1, 5)], Range(-(2**31), 2**31 - 1)),
        ((10, 20), [integers(0, 4095)], Range(10, 20)),
        ((10, 20), [], Range(10, 20)),
        ("percentile", [], Range(0, 65_535)),
    ],
)
def test_ranges_of_integers(setting, members, expected):
    assert decided(setting, *members)[0].integers == expected


@pytest.mark.parametrize("setting", ["auto", "type"])
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([floats(0, 0.25)], Range(0, 1)),
        ([floats(0.5, 0.75), floats(0, 200)], Range(0, 200)),
        ([floats(-2, 3)], Range(-2, 3)),
        ([floats(-3, -3)], Range(-3, -2)),
    ],
)
def test_ranges_of_floats(setting, members, expected):
    scale, _ = decided(setting, *members, integers(0, 4095))
    assert scale.floats == expected
    assert scale.integers == Range(0, 65_535 if setting == "type" else 4095)


@pytest.mark.parametrize("dtype", [np.uint16, ">u2", np.int32, np.float32])
@pytest.mark.parametrize(
    "scale", [Range(0, 4095), Range(0, 65_535), Range(100, 300), Range(-9, 0.5)]
)
def test_every_type_is_scaled_by_the_same_rule(dtype, scale):
    values = np.arange(65_536).reshape(256, 256)
    low, high = scale
    expected = np.clip(np.round((values - low) * 255 / (high - low)), 0, 255)
    np.testing.assert_array_equal(value_range.to_levels(values.astype(dtype), scale), expected)


def test_what_is_no_number_is_black_and_infinity_is_clipped():
    values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert value_range.to_levels(values, Range(0, 1)).tolist() == [[0, 255, 0, 128]]
    assert value_range.extent(values) == (0.5, 0.5)
    assert value_range.extent(values[:, :3]) == (0, 0)


def counter(*images) -> value_range.Counter:
    made = value_range.Counter()
    for values in images:
        content = value_range.histogram_to_bytes(value_range.histogram(values))
        made.add(value_range.histogram_from_bytes(content))
    return made


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("centre", [200, 2000, -500.0])
def test_percentiles_equal_those_of_numpy(dtype, centre):
    rng = np.random.default_rng(3)
    images = [
        rng.normal(abs(centre) if dtype is np.uint16 else centre, 30, (64, 80)) for _ in range(4)
    ]
    images = [values.astype(dtype) for values in images]
    expected = np.percentile(np.stack(images), value_range.PERCENTILES, method="inverted_cdf")
    kind = FLOAT if dtype is np.float32 else INTEGER
    found = counter(*images).percentiles(kind)
    np.testing.assert_allclose(found, expected, rtol=1 / 256)
    if kind == INTEGER and abs(centre) == 200:  # below 512, each integer has its own bin
        assert list(found) == expected.tolist()


def test_percentiles_of_one_value_and_of_none():
    flat = np.full((4, 4), 77, np.uint16)
    scale, _ = decided("percentile", integers(77, 77), counted={INTEGER: counter(flat)})
    assert scale.integers == Range(77, 78)
    assert scale.counted
    assert not value_range.to_levels(flat, scale.integers).any()
    assert counter(np.full((2, 2), np.nan, np.float32)).percentiles(FLOAT) is None


def test_a_damaged_histogram_is_refused():
    with pytest.raises(ValueError, match="no histogram"):
        value_range.histogram_from_bytes(np.array([1 << 20, 1], "<u4").tobytes())
    with pytest.raises(ValueError, match="reshape"):
        value_range.histogram_from_bytes(b"1234" * 3)


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    """Grey PNGs of 16 bits with all values, with few, with one that is transparent."""
    values = {
        "all": np.arange(65_536).reshape(256, 256),
        "twelve": np.arange(4096).reshape(64, 64),
        "flat": np.full((5, 7), 300),
        "clear": np.arange(4096).reshape(64, 64),
    }
    found = {}
    for name, one in values.items():
        buffer = io.BytesIO()
        options = {"transparency": 1000} if name == "clear" else {}
        Image.fromarray(one.astype(np.uint16)).save(buffer, "PNG", **options)
        found[name] = buffer.getvalue()
    return found


@pytest.mark.parametrize(
    "setting",
    [
        "auto",
        "type",
        pytest.param("percentile", marks=pytest.mark.landing),
        pytest.param((100.0, 2000.0), marks=pytest.mark.landing),
    ],
)
def test_the_graph_sees_what_ingest_stores(images, setting):
    """Of the original bytes, by the rule that the set leads to: equal to the last level."""
    background = encodings.BACKGROUND
    settings = decode_config.DecodeConfig(background="#{:02x}{:02x}{:02x}".format(*background))
    scale = value_range.Scale(counted=setting == "percentile")
    looked = {name: decode.decode(one, settings, scale=scale) for name, one in images.items()}
    looked.pop("all")
    known = {name: one.info.values for name, one in looked.items()}
    total = value_range.Counter()
    for one in looked.values():
        if one.histogram is not None:
            total.add(one.histogram)
    scale, _ = range_choice.decide(setting, known, {INTEGER: total})
    reading = image_reading.Reading(background, scale.integers)
    see = decoding.reader(reading)
    for name, content in images.items():
        stored = decode.decode(content, settings, scale=scale)
        expected = tf.io.decode_png(stored.encoded, channels=3).numpy()
        np.testing.assert_array_equal(see(content)[0].numpy(), expected, err_msg=name)
        assert stored.info.channels == (3 if name == "clear" else 1)
        if name == "clear":
            assert tuple(expected.reshape(-1, 3)[1000]) == background


@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey with alpha"])
def test_colours_of_16_bits_are_cut_alike_by_both_decoders(kind):
    """Neither decoder gives more than the high byte; the setting does not touch them."""
    channels = {"rgb": 3, "rgba": 4, "grey with alpha": 2}[kind]
    values = np.random.default_rng(4).integers(0, 65_536, (16, 16, channels)).astype(np.uint16)
    content = tf.io.encode_png(values).numpy()
    stored = decode.decode(content, encodings.CONFIG)
    assert stored.info.values is None
    expected = tf.io.decode_png(stored.encoded, channels=3).numpy()
    reading = image_reading.Reading(encodings.BACKGROUND, Range(0, 4095))
    found = decoding.reader(reading)(content)[0].numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1
    if kind == "rgb":
        np.testing.assert_array_equal(found, values >> 8)


def test_the_contract_has_the_ranges():
    reading = image_reading.Reading((1, 2, 3), Range(0, 4095), Range(0, 1), convert_to_srgb=False)
    assert image_reading.Reading.from_dict(json.loads(json.dumps(reading.to_dict()))) == reading
    # Models of older versions scale by the type, and apply no profile.
    older = image_reading.Reading.from_dict({"background_rgb": [1, 2, 3]})
    assert older == image_reading.Reading((1, 2, 3), value_range.TYPE_16, convert_to_srgb=False)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("auto", "auto"), ("0,4095", (0, 4095)), ("[-5, 5]", (-5, 5)), ([0, 4095], (0, 4095))],
)
def test_the_setting_is_read(raw, expected):
    assert config.IngestConfig(value_range=raw).value_range == expected
    settings = config.IngestConfig(value_range=raw)
    assert config.IngestConfig.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("4095,0", "of two numbers LOW,HIGH, the first must be smaller"),
        ("7,7", "the first must be smaller"),
        ("0,inf", "both finite"),
        ("mean", "auto, type, percentile, or two numbers LOW,HIGH are allowed, such as 0,4095"),
        ("1,2,3", "two numbers LOW,HIGH are allowed"),
        (5, "two numbers LOW,HIGH are allowed"),
    ],
)
def test_what_is_refused(raw, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        config.IngestConfig(value_range=raw)


def test_the_sentence_names_the_cause():
    (scaled,) = decided("auto", integers(0, 900), integers(7, 4095))[1]
    assert scaled.sentence() == (
        "2 files hold grey integers of 16 bits or more, values up to 4095 (1.png): scaled from"
        " 0–4095 to 0–255, by --ingest.value-range auto."
    )
    (scaled,) = decided((0, 1000), integers(-5, 900), integers(7, 4095), integers(0, 1))[1]
    assert scaled.sentence() == (
        "3 files hold grey integers of 16 bits or more, values from -5 up to 4095 (1.png): scaled"
        " from 0–1000 to 0–255, by --ingest.value-range 0,1000; 2 of them have values outside,"
        " which are clipped."
    )
