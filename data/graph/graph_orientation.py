"""Reads the orientation from EXIF and XMP, and turns pixels upright, inside a graph.

The rules are Pillow's: EXIF takes precedence, and XMP counts if EXIF has no such entry.
Dimension letters: H, W height and width.
"""

import tensorflow as tf

from data.graph import graph_bytes

MAX_TIFF_BYTES = 1 << 17
_MAX_ENTRIES = 1024
_TAG = 0x0112
_ENTRY_BYTES = 12
_SHORT, _LONG = 3, 4
# RE2 reads UTF-8; \C is any byte, so that bytes that are not UTF-8 are skipped.
_XMP = r'\C*?tiff:Orientation(?:="|>)([0-9])\C*'


def of_exif(tiff: tf.Tensor) -> tf.Tensor:
    """Reads the orientation from the TIFF structure of EXIF.

    Source: CIPA DC-008 (EXIF 2.32), 4.5.4 and 4.6.4; TIFF 6.0, section 2.

    Args:
      tiff: string [], from the byte order on.

    Returns:
      int32 [], the value of the entry; 0 if there is none or it is malformed.
    """
    # Padded, so that reading a few bytes past the end of a short block gives zeros, not an error.
    padded = tf.strings.join([tf.strings.substr(tiff, 0, MAX_TIFF_BYTES), b"\0" * 32])
    content = tf.io.decode_raw(padded, tf.uint8)
    length = tf.size(content)
    big = content[0] == 0x4D  # "MM": Motorola, big-endian; "II": Intel, little-endian
    offset = graph_bytes.integer(content, tf.constant(4), 4, big)
    readable = (offset >= 8) & (offset <= length - 2)
    directory = tf.where(readable, offset, 0)
    count = tf.minimum(graph_bytes.integer(content, directory, 2, big), _MAX_ENTRIES)
    # Only whole entries of 12 bytes: tag 2, type 2, count 4, value 4.
    whole = (length - directory - 2) // _ENTRY_BYTES
    entries = (
        directory + 2 + _ENTRY_BYTES * tf.range(tf.where(readable, tf.minimum(count, whole), 0))
    )
    matches = tf.boolean_mask(entries, graph_bytes.integer(content, entries, 2, big) == _TAG)

    def value() -> tf.Tensor:
        entry = matches[-1]
        kind = graph_bytes.integer(content, entry + 2, 2, big)
        is_one = graph_bytes.integer(content, entry + 4, 4, big) == 1
        short = graph_bytes.integer(content, entry + 8, 2, big)
        long = graph_bytes.integer(content, entry + 8, 4, big)
        number = tf.where(kind == _SHORT, short, tf.where(kind == _LONG, long, 0))
        return tf.where(is_one, number, 0)

    return tf.cond(tf.size(matches) > 0, value, lambda: tf.constant(0))  # type: ignore[no-any-return]


def of_xmp(packet: tf.Tensor) -> tf.Tensor:
    """Reads ``tiff:Orientation`` from an XMP packet, string [] → int32 []; 0 if there is none.

    Source: Adobe XMP Specification, part 2, 3.1.
    """
    digit = tf.strings.regex_replace(packet, _XMP, r"\1", replace_global=False)
    found = (tf.strings.length(digit) == 1) & tf.strings.regex_full_match(digit, "[0-9]")
    return tf.strings.to_number(tf.where(found, digit, "0"), tf.int32)


def exif_else_xmp(
    tiff: tf.Tensor, packet: tf.Tensor, has_exif: tf.Tensor, has_xmp: tf.Tensor
) -> tf.Tensor:
    """Returns the orientation of a file, int32 []; 0 if none is recorded.

    Args:
      tiff: string [], see :func:`of_exif`.
      packet: string [], see :func:`of_xmp`.
      has_exif: bool []; if false, ``tiff`` is ignored.
      has_xmp: bool []; if false, ``packet`` is ignored.
    """
    nothing = tf.constant(0)
    exif = tf.cond(has_exif, lambda: of_exif(tiff), lambda: nothing)
    return tf.cond((exif == 0) & has_xmp, lambda: of_xmp(packet), lambda: exif)  # type: ignore[no-any-return]


def upright(pixels: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Undoes an orientation: mirrors and quarter turns of uint8 [H, W, 3].

    Args:
      pixels: uint8 [H, W, 3].
      value: int32 []; values outside 2–8 change nothing.
    """

    def transposed() -> tf.Tensor:
        return tf.transpose(pixels, [1, 0, 2])

    branches = [
        lambda: pixels,
        lambda: pixels[:, ::-1],
        lambda: pixels[::-1, ::-1],
        lambda: pixels[::-1],
        transposed,
        lambda: transposed()[:, ::-1],
        lambda: transposed()[::-1, ::-1],
        lambda: transposed()[::-1],
    ]
    turned = tf.switch_case(tf.where((value >= 1) & (value <= 8), value - 1, 0), branches)
    turned.set_shape([None, None, 3])
    return turned
