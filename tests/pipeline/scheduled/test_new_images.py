"""What the schedule remembers of images: the measures of old and new ones can be compared."""

import numpy as np
from PIL import Image

from data.images import decode_config
from data.images.value_range import Range
from data.sources import by_folder
from pipeline.scheduled import new_images


def test_more_than_8_bits_are_compared_by_the_range_of_the_released_images(tmp_path):
    root = tmp_path / "images"
    ramp = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40)
    for name, factor in (("a/1", 2), ("b/1", 2)):
        (root / name).parent.mkdir(parents=True)
        Image.fromarray(ramp * factor).save(root / f"{name}.png")  # up to 3198: 12 bits
    memory = new_images.Memory(tmp_path / "state", root, decode_config.DecodeConfig(), size=10)
    listing = by_folder.scan(root)
    memory.remember(listing, released=True)
    Image.fromarray(ramp * 20).save(root / "a" / "2.png")  # up to 31980
    new = memory.new(by_folder.scan(root).files)
    rows = memory.look_at_released() + memory.look_at_new(new)
    assert [row.path for row in rows] == ["a/1.png", "b/1.png", "a/2.png"]
    assert {row.result.values.scaled for row in rows} == {Range(0, 4095)}
    assert rows[2].result.quality.brightness > 2 * rows[0].result.quality.brightness
