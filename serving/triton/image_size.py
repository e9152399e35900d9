"""Estimates the cost of decoding an image from its headers: after decoding it is too late.

The gateway counts before it forwards a request, and the backend, which has a copy of this file,
before it decodes. Only the bytes are read, in bounded time, without a decoder: a decoder that reads
every chunk or comment of a file takes minutes for a few megabytes of empty ones.
Sources: PNG, section 11.2.2; BMP, BITMAPINFOHEADER; GIF89a, appendices A and B; ITU-T T.81, B.1.1.
"""

import struct

TOO_LARGE = 1 << 62
# Normal progressive JPEGs have about ten. Each covers all pixels and takes only a few bytes.
_USUAL_SCANS = 32
_MAX_GIF_BLOCKS = 1 << 20
# Segments before the image data: profiles and previews of some megabytes have a few hundred.
_MAX_JPEG_SEGMENTS = 1 << 14
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# SOF0 to SOF15 without DHT, JPG and DAC, whose numbers lie among them.
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Baseline and extended, with Huffman codes.
_SEQUENTIAL = (0xC0, 0xC1)
# TEM, RST0 to RST7 and SOI: markers that no length follows.
_BARE = {0x01, *range(0xD0, 0xD9)}
_EXTENSION, _FRAME = 0x21, 0x2C


def pixels(encoded: bytes) -> int:
    """Counts height × width of an image, of all frames of a GIF, and more for a JPEG of many scans.

    TensorFlow decodes all frames of a GIF even if only the first is used, and each may be larger
    than the screen in the header.

    Args:
      encoded: a file's content.

    Returns:
      0 if it is not an image that TensorFlow decodes, or its headers are truncated;
      ``TOO_LARGE`` if its headers do not end within the bounds.
    """
    if encoded.startswith(_JPEG):
        return jpeg_pixels(encoded)
    if encoded.startswith(_PNG):
        return _png_pixels(encoded)
    if encoded.startswith(b"GIF8"):
        return gif_pixels(encoded) if len(encoded) > 12 else 0
    if encoded.startswith(b"BM"):
        return _bmp_pixels(encoded)
    return 0


def _png_pixels(encoded: bytes) -> int:
    """Counts the pixels of a PNG by its IHDR, which must be the first chunk."""
    if len(encoded) < 24:
        return 0
    if encoded[12:16] != b"IHDR":
        return TOO_LARGE
    return int.from_bytes(encoded[16:20], "big") * int.from_bytes(encoded[20:24], "big")


def _bmp_pixels(encoded: bytes) -> int:
    if len(encoded) < 26:
        return 0
    if _little(encoded[14:18]) == 12:  # BITMAPCOREHEADER
        return _little(encoded[18:20]) * _little(encoded[20:22])
    sides = (int.from_bytes(encoded[at : at + 4], "little", signed=True) for at in (18, 22))
    width, height = sides
    return abs(width) * abs(height)


def jpeg_pixels(encoded: bytes) -> int:
    """Counts height × width of a JPEG, and as much again for every 32 scans.

    Scans are counted only where a decoder reads more than one: libjpeg refuses a second one in a file that is not
    progressive and whose first scan has all components (jdinput.c, ``has_multiple_scans``). To count them takes as long as all
    the rest.
    """
    position, size, frames, components = 2, 0, 0, 0
    for _ in range(_MAX_JPEG_SEGMENTS):
        position = encoded.find(b"\xff", position)
        while encoded[position : position + 2] == b"\xff\xff":  # fill bytes
            position = _after(encoded, position)
        if position < 0 or position + 4 > len(encoded):
            return _with_scans(encoded, size)
        marker = encoded[position + 1]
        position += 2
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            has_all = components in (1, 3) and encoded[position + 2 : position + 3] == bytes(
                [components]
            )
            if marker == _START_OF_SCAN and frames == 1 and has_all:
                return size
            return _with_scans(encoded, size)
        if marker in _BARE or marker == 0:
            continue
        if marker in _START_OF_FRAME:
            height, width = (
                encoded[position + 3 : position + 5],
                encoded[position + 5 : position + 7],
            )
            size = max(size, int.from_bytes(height, "big") * int.from_bytes(width, "big"))
            frames += 1
            is_single = marker in _SEQUENTIAL and position + 7 < len(encoded)
            components = encoded[position + 7] if is_single else 0
        position += max(2, int.from_bytes(encoded[position : position + 2], "big"))
    return TOO_LARGE


def _after(encoded: bytes, position: int) -> int:
    """Returns the position of the last of the fill bytes that begin at a position."""
    rest = encoded[position : position + (1 << 16)]
    return position + max(1, len(rest) - len(rest.lstrip(b"\xff")) - 1)


def _with_scans(encoded: bytes, size: int) -> int:
    return size * (1 + encoded.count(b"\xff\xda") // _USUAL_SCANS)


def gif_pixels(encoded: bytes) -> int:
    """Counts height × width of a GIF: of all its frames in total, or of its screen if larger."""
    length = len(encoded)
    right, bottom = _little(encoded[6:8]), _little(encoded[8:10])
    position = 13 + _colours(encoded[10]) if length > 10 else length
    total = blocks = 0
    while position < length:
        if encoded[position] == _FRAME and position + 10 < length:
            left, top, width, height = struct.unpack_from("<HHHH", encoded, position + 1)
            total += width * height
            right, bottom = max(right, left + width), max(bottom, top + height)
            position += 11 + _colours(encoded[position + 9])
        elif encoded[position] == _EXTENSION:
            position += 2
        else:
            break
        while position < length and encoded[position]:
            position += 1 + encoded[position]
            blocks += 1
            if blocks > _MAX_GIF_BLOCKS:
                return TOO_LARGE
        position += 1
    return max(total, right * bottom)


def _little(content: bytes) -> int:
    return int.from_bytes(content, "little")


def _colours(flags: int) -> int:
    """Returns the size in bytes of the colour table that follows."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
