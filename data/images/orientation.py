"""How an image file says that its pixels must be turned to be upright."""

from PIL import ExifTags, Image

_EXIF_KEYS = frozenset({"exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp"})


def read(image: Image.Image) -> int:
    """Returns the orientation in EXIF or XMP, 1–8; other codes count as 1, upright."""
    if image.format in ("JPEG", "PNG") and not _EXIF_KEYS & image.info.keys():
        return 1
    code = image.getexif().get(ExifTags.Base.Orientation, 1)
    return int(code) if code in range(2, 9) else 1
