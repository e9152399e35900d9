import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from data.files import hashing
from data.images import quality
from data.splits import split


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


def measured(values: np.ndarray) -> quality.Quality:
    return quality.measure(values, values)


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def recompressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer)


def textured(seed: int) -> Image.Image:
    """Structure at every scale, as photographs have."""
    random = np.random.default_rng(seed)
    total = np.zeros([240, 320])
    for side in (4, 8, 16, 32, 64):
        layer = Image.fromarray(random.normal(size=(side, side)).astype(np.float32))
        total += np.asarray(layer.resize((320, 240), Image.Resampling.BICUBIC)) * 8 / side
    return Image.fromarray(np.clip(128 + 60 * total / total.std(), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", range(5))
def test_phash_survives_copies_but_tells_images_apart(seed):
    image = textured(seed)
    original = hashing.phash(grey(image))
    assert len(original) == hashing.PHASH_BITS // 4
    copies = {
        "half the size": image.resize((160, 120)),
        "compressed": recompressed(image),
        "cropped by 2 %": image.crop((3, 2, 317, 238)),
    }
    for name, copy in copies.items():
        assert distance(original, hashing.phash(grey(copy))) <= split.MAX_DISTANCE, name
    other = hashing.phash(grey(textured(seed + 100)))
    assert distance(original, other) > split.MAX_DISTANCE + 20


def test_phash_of_real_photographs(shared):
    """Copies of photographs are within the bound, different photographs outside of it."""
    paths = sorted(shared("datasets/flower_photos_200").rglob("*.jpg"))[::4]
    images = [Image.open(path).convert("L") for path in paths]
    hashes = [hashing.phash(image) for image in images]
    for image, original in zip(images, hashes, strict=True):
        width, height = image.size
        margin = max(1, round(width / 100)), max(1, round(height / 100))
        cropped = image.crop((*margin, width - margin[0], height - margin[1]))
        for copy in (cropped, image.resize((width // 2, height // 2)), recompressed(image)):
            assert distance(original, hashing.phash(grey(copy))) <= split.MAX_DISTANCE
    for index, one in enumerate(hashes):
        for other in hashes[index + 1 :]:
            assert distance(one, other) > split.MAX_DISTANCE


def test_phash_of_a_flat_image_is_zero():
    assert hashing.phash(Image.new("L", (30, 20), 77)) == "0" * 64


def test_sha256():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hashing.sha256(b"") == empty


def test_brightness_and_contrast_of_known_images():
    black = measured(np.zeros([8, 8], np.uint8))
    assert (black.brightness, black.contrast, black.sharpness) == (0, 0, 0)
    half = np.zeros([8, 8], np.uint8)
    half[:4] = 255
    found = measured(half)
    assert found.brightness == pytest.approx(0.5)
    assert found.contrast == pytest.approx(0.5)
    assert (found.highlight, found.shadow) == (1, 0)


def test_sharpness_equals_a_plain_laplacian_and_drops_with_blur():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 10), np.uint8))
    values = np.asarray(image).astype(float)
    laplacian = [
        values[y - 1, x] + values[y + 1, x] + values[y, x - 1] + values[y, x + 1] - 4 * values[y, x]
        for y in range(1, 11)
        for x in range(1, 9)
    ]
    sharp = measured(np.asarray(image)).sharpness
    expected = np.mean(np.square(laplacian)) / np.var(values)
    assert sharp == pytest.approx(expected, rel=1e-5)
    assert measured(np.asarray(image.filter(ImageFilter.GaussianBlur(2)))).sharpness < sharp / 10


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2)])
def test_tiny_images(shape):
    assert measured(np.full(shape, 9, np.uint8)).sharpness == 0
    hashing.phash(Image.fromarray(np.full(shape, 9, np.uint8)))


def test_saturation():
    assert measured(np.full([4, 4], 90, np.uint8)).saturation == 0
    red = np.zeros([4, 4, 3], np.uint8)
    red[..., 0] = 255
    assert quality.measure(red[..., 0], red).saturation == 1
