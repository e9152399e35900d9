import numpy as np
import pytest
from PIL import Image, ImageFilter

from data import hashing, quality
from tests.conftest import noise


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_phash_survives_resizing_but_tells_images_apart():
    image = noise(200, 300, seed=1)
    original = hashing.phash(grey(image))
    assert len(original) == 16
    assert distance(original, hashing.phash(grey(image.resize((90, 60))))) <= 4
    assert distance(original, hashing.phash(grey(noise(200, 300, seed=2)))) > 10


def test_sha256():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hashing.sha256(b"") == empty


def test_brightness_and_contrast_of_known_images():
    black = quality.measure(np.zeros([8, 8], np.uint8))
    assert (black.brightness, black.contrast, black.sharpness) == (0, 0, 0)
    half = np.zeros([8, 8], np.uint8)
    half[:4] = 255
    measured = quality.measure(half)
    assert measured.brightness == pytest.approx(0.5)
    assert measured.contrast == pytest.approx(0.5)


def test_sharpness_equals_a_plain_laplacian_and_drops_with_blur():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 10), np.uint8))
    values = grey(image).astype(float)
    laplacian = [
        values[y - 1, x] + values[y + 1, x] + values[y, x - 1] + values[y, x + 1] - 4 * values[y, x]
        for y in range(1, 11)
        for x in range(1, 9)
    ]
    sharp = quality.measure(grey(image)).sharpness
    assert sharp == pytest.approx(np.var(laplacian), rel=1e-5)
    assert quality.measure(grey(image.filter(ImageFilter.GaussianBlur(2)))).sharpness < sharp / 10


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2)])
def test_tiny_images(shape):
    assert quality.measure(np.full(shape, 9, np.uint8)).sharpness == 0
    hashing.phash(np.full(shape, 9, np.uint8))
