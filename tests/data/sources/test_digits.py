import numpy as np
from PIL import Image

from data.sources import by_folder, digits


def test_ten_classes_of_real_images(digits_dir):
    listing = by_folder.scan(digits_dir)
    assert listing.class_names == [str(digit) for digit in range(10)]
    assert len(listing.files) == 600
    pixels = np.asarray(Image.open(digits_dir / "3" / "000.png"))
    assert pixels.shape == (28, 28)
    assert pixels.max() > 200


def test_written_once(digits_dir):
    before = by_folder.scan(digits_dir).fingerprint()
    assert digits.export(digits_dir) == digits_dir
    assert by_folder.scan(digits_dir).fingerprint() == before
