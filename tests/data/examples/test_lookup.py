from pathlib import Path

import pytest

from data.examples import example, lookup, records
from data.images import decode, decode_config
from tests.data.pictures import noise, saved

CLASSES = ("dog", "cat", "dog", "\udcff")
CONTENT = [saved(noise(9, 9, seed), "PNG") for seed in range(4)]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("lookup") / "Split-test"
    rows = []
    for index, (image, name) in enumerate(zip(CONTENT, CLASSES, strict=True)):
        info = decode.decode(image, decode_config.DecodeConfig()).info
        source = example.ImageSource(f"{index}.png", (name,), (0,), "00")
        rows.append(example.Encoder().encode(image, info, source))
    for shard in range(2):
        place = Path(root) / records.shard_name(shard, 2)
        records.write(str(place), rows[2 * shard : 2 * shard + 2])
    return records.files(str(root))


def test_images_are_found_by_path_in_the_order_of_the_records(files):
    found = list(lookup.by_path(files, {"3.png", "1.png", "missing.png"}))
    assert found == [("1.png", CONTENT[1]), ("3.png", CONTENT[3])]


def test_one_of_each_class_is_its_first(files):
    expected = {"cat": CONTENT[1], "dog": CONTENT[0], "\udcff": CONTENT[3]}
    assert lookup.one_of_each_class(files, 5) == expected
    assert list(lookup.one_of_each_class(files, 2)) == ["cat", "dog"]
