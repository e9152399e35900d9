"""Images that a stranger may send: sound ones of many kinds, and what mutation makes of them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

_ODD = Path(__file__).resolve().parent.parent.parent / "shared" / "odd_images"
_MAX_ODD_BYTES = 100_000
_SIDES = (0, 1, 2, 255, 4096, 30_000, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
_BYTES = (0, 1, 0x7F, 0x80, 0xFF)


def _saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 256, (40, 60, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved("JPEG", exif=exif)


def sound() -> list[bytes]:
    """Images of every kind that the server reads."""
    frames = [Image.new("P", (24, 16), colour) for colour in range(3)]
    return [
        *(_turned(orientation) for orientation in (1, 3, 6, 8, 9)),
        _saved("JPEG", progressive=True),
        *(_saved("JPEG", mode) for mode in ("L", "CMYK")),
        *(_saved("PNG", mode) for mode in ("RGB", "RGBA", "P", "L", "1", "I;16")),
        *(_saved("GIF", mode) for mode in ("P", "L")),
        _saved("GIF", "P", save_all=True, append_images=frames),
        *(_saved("BMP", mode) for mode in ("RGB", "P", "1")),
    ]


def odd() -> list[bytes]:
    """Broken images from decoders' own tests, where they are at hand."""
    paths = [path for path in sorted(_ODD.glob("*/*")) if path.is_file()]
    return [path.read_bytes() for path in paths if path.stat().st_size <= _MAX_ODD_BYTES]


def flipped(content: bytes, bits: list[int]) -> bytes:
    """With some of its bits turned over."""
    changed = bytearray(content)
    for bit in bits:
        if changed:
            changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


def overwritten(content: bytes, start: int, values: list[int]) -> bytes:
    """With bytes of its header replaced."""
    changed = bytearray(content)
    changed[start : start + len(values)] = bytes(values)
    return bytes(changed)


def bomb(content: bytes, width: int, height: int) -> bytes:
    """With another size in its header, its check sum made right."""
    if content[:4] == b"\x89PNG" and len(content) > 33:
        header = content[12:16] + struct.pack(">II", width, height) + content[24:29]
        return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    width, height = width % 65536, height % 65536
    if content[:3] == b"GIF":
        block = content.find(b"\x2c\0\0\0\0") + 5
        small = struct.pack("<HH", width, height)
        return content[:block] + small + content[block + 4 :]
    if content[:2] == b"BM":
        return content[:18] + struct.pack("<ii", width, -height) + content[26:]
    start = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"), 0) + 5
    return content[:start] + struct.pack(">HH", height, width) + content[start + 4 :]


def mutated(sources: list[bytes]) -> st.SearchStrategy[bytes]:
    """What is made of some images; one in eight remains as it is."""
    source = st.sampled_from(sources)
    place = st.integers(0, 4096)
    bits = st.lists(st.integers(0, 8 * 4096), min_size=1, max_size=12)
    side = st.one_of(st.sampled_from(_SIDES), st.integers(1, 3000))
    return st.one_of(
        source,
        st.builds(flipped, source, bits),
        st.builds(flipped, source, st.lists(st.integers(0, 8 * 40), min_size=1, max_size=4)),
        st.builds(lambda content, end: content[:end], source, place),
        st.builds(
            overwritten,
            source,
            st.integers(0, 64),
            st.lists(st.sampled_from(_BYTES), min_size=1, max_size=8),
        ),
        st.builds(lambda one, cut, other: one[:cut] + other[cut:], source, place, source),
        st.builds(lambda one, cut, other: one[:cut] + other, source, place, source),
        st.builds(bomb, source, side, side),
    )
