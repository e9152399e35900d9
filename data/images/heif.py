"""HEIC and HEIF, the format of phones, which needs the extra ``heif``."""

import importlib.util

HEADER_BYTES = 64
EXTRA = "pip install pillow-heif (the extra heif)"
_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def needs_extra(header: bytes) -> bool:
    """Returns whether a file is HEIC or HEIF and the library that reads it is absent.

    Args:
      header: the first HEADER_BYTES of the file: an ISO 14496-12 ``ftyp`` box names the format.
    """
    is_heif = header[4:8] == b"ftyp" and header[8:12] in _BRANDS and b"avif" not in header
    return is_heif and importlib.util.find_spec("pillow_heif") is None
