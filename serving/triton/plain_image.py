"""Tells which encoded images need nothing but decoding and resizing: most of them.

The SavedModel's graph reads the headers of every file, for orientations, colour profiles, transparency and
refusals, in hundreds of small operations that cost more than decoding a photograph. The backend, beside which
this file lies, reads the headers of common files itself, in some microseconds, and gives those to a smaller graph
with the same decoder; what a colour profile does is asked once, see colour_profiles.py. Whatever is unusual in
any way is not plain. Only the bytes are read, in bounded time.
Sources: ITU-T T.81, annex B; CIPA DC-008 (EXIF 2.32), 4.6; TIFF 6.0, section 2; ICC.1:2022, B.4; PNG, 5 and 11.
"""

import struct
from dataclasses import dataclass

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_MAX_PARTS = 256
_SCAN = 0xDA
# Baseline, extended and progressive, with Huffman codes.
_FRAMES = (0xC0, 0xC1, 0xC2)
# Tables, intervals, comments, and data of applications that no reader of pixels looks at.
_SKIPPED = {0xC4, 0xDB, 0xDD, 0xFE, 0xE0, *range(0xE3, 0xF0)}
_EXIF_OR_XMP, _PROFILE = 0xE1, 0xE2
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_ORIENTATION, _SHORT, _UPRIGHT = 0x0112, 3, 1
_GREY, _TRUE_COLOUR = 0, 2
_PNG_SKIPPED = (b"IHDR", b"IDAT", b"IEND", b"pHYs", b"tIME")
# Of larger images decoding costs more than all else, and the graph has a limit of its own.
_MAX_PIXELS = 1 << 24


@dataclass(frozen=True)
class Plain:
    """A plain JPEG or PNG: of 8 bits, opaque and upright. It may still be damaged.

    Attributes:
      profile: its colour profile; empty if it has none.
      channels: of the file, 1 or 3.
    """

    profile: bytes
    channels: int


def examine(encoded: bytes) -> Plain | None:
    """Returns what is known of a plain image; None if it is another one."""
    try:
        if encoded.startswith(_JPEG):
            return _examine_jpeg(encoded)
        if encoded.startswith(_PNG) and _is_plain_png(encoded):
            return Plain(b"", 3)
    except (IndexError, struct.error):  # it is cut off
        pass
    return None


def _examine_jpeg(encoded: bytes) -> Plain | None:
    position, channels, has_exif, profile = 2, 0, False, b""
    for _ in range(_MAX_PARTS):
        start, code, length = struct.unpack_from(">BBH", encoded, position)
        body = position + 4
        position += 2 + length
        if start != 0xFF or length < 2:
            return None
        if code == _SCAN:
            return Plain(profile, channels) if channels in (1, 3) else None
        if code in _FRAMES:
            bits, height, width, count = struct.unpack_from(">BHHB", encoded, body)
            if channels or bits != 8 or not 0 < height * width <= _MAX_PIXELS:
                return None
            channels = count
        elif code == _EXIF_OR_XMP:
            segment = encoded[body:position]
            if segment.startswith(_EXIF):
                if has_exif or not _is_upright(segment[len(_EXIF) :]):
                    return None
                has_exif = True
            elif b"Orientation" in segment:  # XMP
                return None
        elif code == _PROFILE:
            if encoded.startswith(_ICC, body):
                # One part, the first of one. The graph looks for it before the frame alone.
                if profile or channels or encoded[body + 12 : body + 14] != b"\1\1":
                    return None
                profile = encoded[body + 14 : position]
                if not profile:
                    return None
        elif code not in _SKIPPED:
            return None
    return None


def _is_upright(tiff: bytes) -> bool:
    """Returns whether EXIF surely has no other orientation than upright."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return False
    (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
    if not 8 <= offset <= len(tiff) - 2:
        return False
    (count,) = struct.unpack_from(f"{order}H", tiff, offset)
    if count > _MAX_PARTS:
        return False
    for index in range(count):
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", tiff, offset + 2 + 12 * index)
        if tag == _ORIENTATION:
            return (kind, values, value) == (_SHORT, 1, _UPRIGHT) and not any(
                struct.unpack_from(f"{order}H", tiff, offset + 2 + 12 * later)[0] == _ORIENTATION
                for later in range(index + 1, count)
            )
    # XMP may have an orientation then, which is looked for there.
    return True


def _is_plain_png(encoded: bytes) -> bool:
    name, width, height, depth, colour = struct.unpack_from(">4sIIBB", encoded, 12)
    if name != b"IHDR" or depth != 8 or colour not in (_GREY, _TRUE_COLOUR):
        return False
    if not 0 < height * width <= _MAX_PIXELS:
        return False
    position = len(_PNG)
    for _ in range(_MAX_PARTS):
        (length,) = struct.unpack_from(">I", encoded, position)
        name = encoded[position + 4 : position + 8]
        position += 12 + length
        if name not in _PNG_SKIPPED:
            return False
        if name == b"IEND":
            return length == 0 and position == len(encoded)
    return False
