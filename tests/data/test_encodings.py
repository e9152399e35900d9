import collections

import pytest

from tests.data import encodings

pytestmark = pytest.mark.xdist_group("decoding")

CELLS = {
    "PNG grey": 180,
    "PNG RGB": 72,
    "PNG palette": 144,
    "PNG grey+alpha": 36,
    "PNG RGBA": 36,
    "PNG texts": 32,
    "BMP": 69,
    "GIF": 48,
    "JPEG": 187,
    "JPEG progressive": 187,
    "WebP": 24,
}
# What training or serving refuses, and why; all others are shown as they are.
UNSUPPORTED = "unsupported_encoding"
REFUSED = {
    "PNG RGB 16 bits tRNS": {"training": UNSUPPORTED, "serving": UNSUPPORTED},
    "BMP 4 bits, run-length": {"serving": UNSUPPORTED},
    "BMP 8 bits, run-length": {"serving": UNSUPPORTED},
    "WebP": {"serving": "unsupported_format"},
}


@pytest.mark.parametrize("family", encodings.FAMILIES)
def test_every_encoding_is_seen_as_it_is_or_refused(family):
    total = 0
    for name, ways in encodings.verdicts(encodings.FAMILIES[family]()).items():
        for way, counts in ways.items():
            expected = REFUSED.get(name, {}).get(way, "equal")
            assert counts == collections.Counter({expected: counts.total()}), (name, way)
        total += counts.total()
    assert total == CELLS[family]
