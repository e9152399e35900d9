"""The images that a server is tried on."""

import pytest

from components.release_gate.parity import server_trial
from data.examples import example, records
from data.images import decode, decode_config
from tests.data.pictures import noise, saved

CONTENT = [saved(noise(9, 9, seed), "PNG") for seed in range(3)]


@pytest.mark.parametrize(
    ("labels", "expected"), [("aab", [CONTENT[0], CONTENT[2]]), (None, CONTENT[:2])]
)
def test_there_is_one_of_each_class_or_where_there_are_none_the_first(tmp_path, labels, expected):
    rows = []
    for index, image in enumerate(CONTENT):
        names = (labels[index],) if labels else ()
        numbers = tuple("ab".index(name) for name in names)
        source = example.ImageSource(f"{index}.png", names, numbers, "00")
        info = decode.decode(image, decode_config.DecodeConfig()).info
        rows.append(example.Encoder().encode(image, info, source))
    path = tmp_path / records.shard_name(0, 1)
    records.write(str(path), rows)
    found = server_trial.images([str(path)], 2, 2 if labels else 0)
    assert found == expected
