import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from components.release_gate.parity import parity_images
from data.graph import decoding
from data.images import image_reading, value_range
from tests.data.pictures import noise, saved

pytestmark = pytest.mark.usefixtures("graphs_as_they_are")

UNREADABLE = {
    "WebP",
    "TIFF",
    "broken: empty",
    "broken: cut in the middle",
    "broken: text",
    "broken: a header alone",
}


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    return {name: saved(noise(40, 60, seed), "JPEG") for seed, name in enumerate(("b", "a"))}


@pytest.fixture(scope="module")
def images(samples) -> list[parity_images.ParityImage]:
    return parity_images.images(samples)


def named(images: list[parity_images.ParityImage], name: str) -> Image.Image:
    (found,) = [image for image in images if image.name == name]
    return Image.open(io.BytesIO(found.encoded))


def test_one_of_each_class_comes_first_and_alone_counts_as_a_sample(images, samples):
    assert [image.name for image in images[:2]] == ["class 'a'", "class 'b'"]
    assert [image.encoded for image in images if image.sample] == [samples["a"], samples["b"]]
    assert len({image.name for image in images}) == len(images)


def test_the_same_bytes_for_the_same_samples(images, samples):
    assert parity_images.images(dict(reversed(samples.items()))) == images


@pytest.mark.parametrize("value", range(1, 9))
def test_every_orientation_is_there_and_turns_the_image(images, value):
    image = named(images, f"JPEG, EXIF orientation {value}")
    assert image.getexif()[0x0112] == value
    assert image.size == (60, 40)
    assert ImageOps.exif_transpose(image).size == ((60, 40) if value < 5 else (40, 60))


def test_the_names_tell_the_truth(images):
    modes = {
        "grey JPEG": ("JPEG", "L"),
        "CMYK JPEG": ("JPEG", "CMYK"),
        "PNG with alpha": ("PNG", "RGBA"),
        "PNG with a palette": ("PNG", "P"),
        "WebP": ("WEBP", "RGB"),
        "GIF": ("GIF", "P"),
        "BMP": ("BMP", "RGB"),
    }
    for name, expected in modes.items():
        image = named(images, name)
        assert (image.format, image.mode) == expected, name
    assert named(images, "PNG with alpha").getchannel("A").getextrema() == (0, 255)
    for name, size in (("large JPEG, 3000 × 2000", (3000, 2000)), ("tiny PNG, 3 × 2", (3, 2))):
        assert named(images, name).size == size


def test_what_tensorflow_cannot_read_is_what_is_meant_to_be_unreadable(images):
    decode_all = tf.function(lambda encoded: decoding.batch_pixels(encoded, 8, "stretch"))
    _, refused = decode_all(tf.constant([image.encoded for image in images]))
    unreadable = {image.name for image, why in zip(images, refused.numpy(), strict=True) if why}
    assert unreadable == UNREADABLE


def test_what_ingest_stores_of_exact_images_is_what_is_served(images):
    reading = image_reading.Reading((10, 200, 90), value_range.Range(0, 4095))
    see = tf.function(
        lambda encoded: decoding.decode_or_refuse(encoded, reading),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    exact = [image for image in images if image.exact]
    assert len(exact) == 19
    for image in exact:
        stored = parity_images.stored(image, reading)
        assert stored != image.encoded
        pixels, reason = see(tf.constant(image.encoded))
        assert reason == b"", image.name
        with Image.open(io.BytesIO(stored)) as shown:
            np.testing.assert_array_equal(pixels, np.asarray(shown.convert("RGB")), image.name)


@pytest.mark.parametrize("given", [{}, {"a": b"junk"}])
def test_without_a_readable_sample_a_pattern_stands_in(given):
    assert named(parity_images.images(given), "BMP").size == (256, 160)


def test_of_many_classes_a_stable_choice_is_taken():
    content = saved(noise(8, 8), "PNG")
    many = {f"class {number}": content for number in range(50)}
    taken = {image.name for image in parity_images.images(many) if image.sample}
    more = {image.name for image in parity_images.images({**many, "new": content}) if image.sample}
    assert len(taken) == len(more) == parity_images.MAX_CLASSES
    assert len(taken - more) <= 1
