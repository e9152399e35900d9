"""Parity images of every kind of PNG."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from data.images import png_file


@dataclass(frozen=True)
class ParityImage:
    """An image that every stage of the model answers.

    Attributes:
      name: its name in messages.
      encoded: the file's bytes.
      sample: true for a test image of a class, as in requests; false for a generated one.
      exact: whether ingest stores its exact pixels: the pixels for training then come from
        ingest's decoder, not from the graph that is served as well.
    """

    name: str
    encoded: bytes
    sample: bool = False
    exact: bool = False


def encodings(base: Image.Image) -> list[ParityImage]:
    """Returns PNGs of all bit depths, grey, with palettes, transparent, interlaced and rotated."""
    colours = np.asarray(base)
    grey = np.asarray(base.convert("L")).astype(np.uint16)[..., None]
    made = {}
    for depth in (1, 2, 4):
        made[f"grey PNG of {depth} bits"] = png_file.encode(
            grey >> (8 - depth), depth, png_file.GREY
        )
        indices, palette = _indexed(base, 1 << depth)
        made[f"palette PNG of {depth} bits"] = png_file.encode(
            indices, depth, png_file.PALETTE, [palette]
        )
    # 12 bits: dark or bright, depending on the range of values that the model was trained with.
    made["grey PNG of 16 bits"] = png_file.encode(grey * 16, 16, png_file.GREY)
    key = (int(grey[0, 0, 0]) >> 4).to_bytes(2, "big")
    made["grey PNG of 4 bits, transparent"] = png_file.encode(
        grey >> 4, 4, png_file.GREY, [(b"tRNS", key)]
    )
    indices, palette = _indexed(base, 16)
    made["palette PNG of 4 bits, transparent"] = png_file.encode(
        indices, 4, png_file.PALETTE, [palette, (b"tRNS", b"\xff\0\xff\0")]
    )
    clear = colours[0, 0].astype(">u2").tobytes()
    rgb = png_file.RGB
    made["RGB PNG, transparent"] = png_file.encode(colours, 8, rgb, [(b"tRNS", clear)])
    made["interlaced PNG"] = png_file.encode(colours, 8, rgb, interlaced=True)
    made["PNG, EXIF orientation 6"] = png_file.encode(colours, 8, rgb, [(b"eXIf", _exif(6))])
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8)
    made["PNG, XMP orientation 8"] = png_file.encode(colours, 8, rgb, after=[(b"iTXt", text)])
    return [ParityImage(name, content, exact=True) for name, content in made.items()]


def xmp(orientation: int) -> bytes:
    """Returns XMP with an orientation, as an editor writes it."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
        b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF>'
        b"</x:xmpmeta>" % orientation
    )


def _exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes().removeprefix(b"Exif\0\0")


def _indexed(base: Image.Image, colours: int) -> tuple[np.ndarray, png_file.Chunk]:
    """Returns indices [H, W, 1] of that many colours, and the palette."""
    few = base.quantize(colours)
    palette = bytes(few.getpalette() or ())[: 3 * colours].ljust(3 * colours, b"\0")
    return np.asarray(few)[..., None], (b"PLTE", palette)
