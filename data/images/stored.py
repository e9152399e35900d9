"""How an upright image is stored whose file's own bytes do not do."""

import io

from PIL import Image

_JPEG_QUALITY = 95


def encode(image: Image.Image, lossy: bool) -> tuple[bytes, str]:
    """Returns bytes and their format, "JPEG" if it may lose something, else "PNG"."""
    buffer = io.BytesIO()
    if lossy:
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        return buffer.getvalue(), "JPEG"
    # Without the profile, which Pillow keeps: it is applied already, or readers would differ.
    image.save(buffer, "PNG", icc_profile=None)
    return buffer.getvalue(), "PNG"
