"""Names of the features of the records; :mod:`data.examples.example` has their types.

Command lines need the names, and no TensorFlow.
"""

ENCODED = "image/encoded"
FORMAT = "image/format"
HEIGHT = "image/height"
WIDTH = "image/width"
CHANNELS = "image/channels"
CLASS_TEXT = "image/class/text"
CLASS_LABEL = "image/class/label"
FILENAME = "image/filename"
SHA256 = "image/sha256"
PHASH = "image/phash"
SIZE_BYTES = "image/size_bytes"
SOURCE_FORMAT = "image/source_format"
REENCODED = "image/reencoded"
SPAN = "image/span"
BRIGHTNESS = "image/quality/brightness"
CONTRAST = "image/quality/contrast"
HIGHLIGHT = "image/quality/highlight"
SHADOW = "image/quality/shadow"
SHARPNESS = "image/quality/sharpness"
SATURATION = "image/quality/saturation"
PIXELS = "image/pixels"
MASK = "image/segmentation/class/encoded"
MASK_FORMAT = "image/segmentation/class/format"

# The value of SPAN where there are none.
NO_SPAN = -1
