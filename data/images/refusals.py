"""The codes for the reasons why ingest and the served model cannot use an image.

The served graph returns its codes in ``invalid_reason``, a model's contract explains them, and
ingest counts by them. A code never changes its meaning; a new meaning gets a new code.
"""

NOT_AN_IMAGE = "not_an_image"
UNSUPPORTED_FORMAT = "unsupported_format"
UNSUPPORTED_ENCODING = "unsupported_encoding"
TOO_MANY_PIXELS = "too_many_pixels"
DAMAGED = "damaged"
COLOUR_PROFILE = "colour_profile"

# Code → its meaning for an image.
REFUSALS = {
    NOT_AN_IMAGE: "no image format is recognised in the bytes",
    UNSUPPORTED_FORMAT: "an image, but neither JPEG, PNG, GIF nor BMP",
    UNSUPPORTED_ENCODING: "a kind of JPEG, PNG, GIF or BMP that would be shown wrong",
    TOO_MANY_PIXELS: "height × width is larger than the model accepts",
    DAMAGED: "the image is truncated or corrupt",
    COLOUR_PROFILE: "its colour profile is of a kind that cannot be applied: look-up tables or CMYK",
}

# The code of ingest for a file that the served model accepts but would see differently.
SEEN_OTHERWISE = "seen_otherwise"

# The code of ingest for an image that a person decided to leave out.
DROPPED = "dropped"

# Code → the reason why ingest puts a file into quarantine.
REASONS = {
    "empty": "the file holds no byte",
    "too_many_bytes": "the file is larger than limits.max_bytes",
    "too_many_pixels": "width × height is more than limits.max_pixels",
    "too_small": "a side is shorter than limits.min_side_px",
    "too_long": "a side is longer than limits.max_side_px",
    "too_slow": "reading and decoding took longer than limits.max_seconds",
    "too_much_memory": "decoding took more memory than limits.max_memory_bytes",
    "not_an_image": "no image format that can be read was recognised in the bytes",
    "unsupported_encoding": "Pillow does not read this encoding of its format as it is meant",
    "extra_not_installed": "HEIC or HEIF, and the extra heif is not installed",
    "damaged": "the image is truncated or corrupt",
    "decoder_crashed": "the decoder died of the image; nothing else was harmed",
    "not_decodable_by_tensorflow": "Pillow reads the image, TensorFlow does not or sees another",
    "not_a_file": "a device, pipe, socket or broken link",
    "link_outside": "a link that leads out of the data folder",
    "link_to_folder": "a link to a folder; links are not followed",
    "unreadable": "the operating system refused to read the file or folder",
    "changed": "the file changed while it was ingested",
    DROPPED: "a person decided to leave the image out, see corrections",
}


def meaning(reason: str) -> str:
    """Returns the explanation of a quarantine reason: a code of REASONS, or a check's name."""
    return REASONS.get(reason, f"taken out by checks.{reason}")
