"""Small images in many encodings, and the picture that each of them is.

    python -m tests.data.encodings

prints how many cells training and serving show as they are, and how many are refused why.
"""

import collections
import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from data.graph import decoding
from data.images import decode, decode_config, image_reading, png_file
from data.images.png_file import GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA

BACKGROUND = (200, 30, 120)
READING = image_reading.Reading(BACKGROUND)
CONFIG = decode_config.DecodeConfig(background="#{:02x}{:02x}{:02x}".format(*BACKGROUND))
HEIGHT, WIDTH = 11, 14  # no multiple of 8: rows end within a byte
LOSSLESS_LEVELS, LOSSY_LEVELS = 1.0, 4.0  # the mean difference that is allowed
ORIENTATIONS = (0, 1, 2, 3, 4, 5, 6, 7, 8)  # 0: none is told


class Cell(NamedTuple):
    """One file.

    Attributes:
      name: of its encoding.
      content: its bytes.
      expected: uint8 [H, W, 3], what is seen, upright and on the background.
      levels: how far from that it may be seen on average, in levels of 255.
    """

    name: str
    content: bytes
    expected: np.ndarray
    levels: float = LOSSLESS_LEVELS


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What Pillow makes of pixels by an EXIF orientation; 0 for none."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif(orientation))
    with Image.open(buffer) as image:
        return np.asarray(ImageOps.exif_transpose(image))


def on_background(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours [H, W, 3] and alpha [H, W], in 0–1 → uint8 [H, W, 3]."""
    behind = np.array(BACKGROUND) / 255
    mixed = colours * alpha[..., None] + behind * (1 - alpha[..., None])
    return np.round(mixed * 255).astype(np.uint8)


def exif(orientation: int) -> bytes:
    """EXIF that tells an orientation; empty for 0."""
    if not orientation:
        return b""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def xmp(orientation: int) -> bytes:
    """XMP that tells an orientation."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmlns:tiff="\xe2\x80\xa6"'
        b' tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>' % orientation
    )


PNG_DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}
PNG_NAMES = {
    GREY: "grey",
    RGB: "RGB",
    PALETTE: "palette",
    GREY_ALPHA: "grey+alpha",
    RGB_ALPHA: "RGBA",
}


def png_cells(colour: int) -> Iterator[Cell]:
    """Depths × tRNS × interlaced × orientation in eXIf, before or after the pixels."""
    random = np.random.default_rng(colour)
    keys = (False,) if colour in (GREY_ALPHA, RGB_ALPHA) else (False, True)
    for depth, has_key in itertools.product(PNG_DEPTHS[colour], keys):
        samples, chunks, picture = _png_picture(random, colour, depth, has_key)
        key = " tRNS" if has_key else ""
        name = f"PNG {PNG_NAMES[colour]} {depth} bits{key}"
        for interlaced, orientation in itertools.product((False, True), ORIENTATIONS):
            tiff = [(b"eXIf", exif(orientation)[6:])] if orientation else []
            where = (chunks, tiff) if orientation % 2 else (chunks + tiff, [])
            content = png_file.encode(samples, depth, colour, *where, interlaced)
            yield Cell(name, content, upright(picture, orientation))


def _png_picture(
    random: np.random.Generator, colour: int, depth: int, has_key: bool
) -> tuple[np.ndarray, list[tuple[bytes, bytes]], np.ndarray]:
    """Samples, chunks before the pixels, and what is seen of them."""
    channels = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}[colour]
    largest = 2**depth - 1
    samples = random.integers(0, largest + 1, (HEIGHT, WIDTH, channels))
    opaque = np.ones((HEIGHT, WIDTH))
    if colour == PALETTE:
        table = random.integers(0, 256, (largest + 1, 3))
        chunks = [(b"PLTE", table.astype(np.uint8).tobytes())]
        opacity = random.integers(0, 256, largest + 1)
        if has_key:
            chunks.append((b"tRNS", opacity.astype(np.uint8).tobytes()))
        index = samples[..., 0]
        alpha = opacity[index] / 255 if has_key else opaque
        return samples, chunks, on_background(table[index] / 255, alpha)
    if colour in (GREY_ALPHA, RGB_ALPHA):
        colours, alpha = samples[..., :-1] / largest, samples[..., -1] / largest
        return samples, [], on_background(np.broadcast_to(colours, (HEIGHT, WIDTH, 3)), alpha)
    chunks = []
    alpha = opaque
    if has_key:
        # Of 16 bits, others share the high byte of the transparent colour.
        clear = samples[2, 3].copy()
        samples[5:7, 4:9] = clear
        samples[8] = clear ^ 1
        chunks.append((b"tRNS", clear.astype(">u2").tobytes()))
        alpha = (samples != clear).any(axis=2).astype(float)
    colours = np.broadcast_to(samples / largest, (HEIGHT, WIDTH, 3))
    return samples, chunks, on_background(colours, alpha)


def png_text_cells() -> Iterator[Cell]:
    """Orientation in XMP and in raw profiles, deflated or not."""
    samples = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3))
    for orientation in ORIENTATIONS[1:]:
        tiff = exif(orientation)
        lines = b"\nexif\n%8d\n" % len(tiff)
        digits = tiff.hex().encode()
        lines += b"\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
        packet, keyword = xmp(orientation), b"XML:com.adobe.xmp\0"
        raw = b"Raw profile type exif\0"
        for name, chunk in (
            ("XMP", (b"iTXt", keyword + b"\0\0\0\0" + packet)),
            ("XMP, deflated", (b"iTXt", keyword + b"\1\0\0\0" + zlib.compress(packet))),
            ("raw EXIF", (b"tEXt", raw + lines)),
            ("raw EXIF, deflated", (b"zTXt", raw + b"\0" + zlib.compress(lines))),
        ):
            picture = upright(samples.astype(np.uint8), orientation)
            yield Cell(
                f"PNG, orientation in {name}",
                png_file.encode(samples, 8, RGB, after=[chunk]),
                picture,
            )


def as_pillow_shows(content: bytes) -> np.ndarray:
    """uint8 [H, W, 3], upright and on the background."""
    with Image.open(io.BytesIO(content)) as image:
        layer = ImageOps.exif_transpose(image).convert("RGBA")
    behind = Image.new("RGBA", layer.size, BACKGROUND)
    return np.asarray(Image.alpha_composite(behind, layer).convert("RGB"))


def bmp_cells() -> Iterator[Cell]:
    """Depths × palettes × headers × top-down, bit fields and run-length encodings."""
    random = np.random.default_rng(3)
    for bits, top_down, header in itertools.product((1, 4, 8), (False, True), (12, 40, 124)):
        if top_down and header == 12:
            continue
        for kind in ("colours", "greys", "few"):
            count = min(2**bits, 11 if kind == "few" else 256)
            table = random.integers(0, 256, (count, 3), np.uint8)
            if kind == "greys":
                table = np.linspace(0, 255, count).astype(np.uint8)[:, None].repeat(3, 1)
            index = random.integers(0, count, (HEIGHT, WIDTH))
            name = f"BMP {bits} bits"
            content = bmp(index, bits, table, header=header, top_down=top_down)
            yield Cell(name, content, table[index])
    for bits, top_down in itertools.product((16, 24, 32), (False, True)):
        values = random.integers(0, 2**bits, (HEIGHT, WIDTH), np.int64)
        content = bmp(values, bits, top_down=top_down)
        yield Cell(f"BMP {bits} bits", content, as_pillow_shows(content))
    masks = [
        (16, (0xF800, 0x7E0, 0x1F, 0)),
        (16, (0x7C00, 0x3E0, 0x1F, 0)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0)),
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ]
    for (bits, mask), header in itertools.product(masks, (40, 56, 124)):
        if mask[3] and header == 40:
            continue
        values = random.integers(0, 2**bits, (HEIGHT, WIDTH), np.int64)
        content = bmp(values, bits, header=header, masks=mask)
        yield Cell(f"BMP {bits} bits, bit fields", content, as_pillow_shows(content))
    for bits in (4, 8):
        table = random.integers(0, 256, (2**bits, 3), np.uint8)
        index = random.integers(0, 2**bits, (HEIGHT, WIDTH)).repeat(2, 1)[:, :WIDTH]
        content = bmp(index, bits, table, run_length=True)
        yield Cell(f"BMP {bits} bits, run-length", content, table[index])


def bmp(
    values: np.ndarray,
    bits: int,
    table: np.ndarray | None = None,
    header: int = 40,
    top_down: bool = False,
    masks: tuple[int, ...] | None = None,
    run_length: bool = False,
) -> bytes:
    """A BMP of pixel values [H, W]; table [N, 3] of its colours."""
    height, width = values.shape
    rows = values if top_down else values[::-1]
    if run_length:
        # Each pixel as a run of one; of 4 bits, the first of a pair counts.
        shift = 4 if bits == 4 else 0
        body = b"".join(
            b"".join(bytes([1, int(value) << shift]) for value in row) + b"\0\0" for row in rows
        )
        body += b"\0\1"
    else:
        body = b"".join(_bmp_row(row, bits) for row in rows)
    compression = (2 if bits == 4 else 1) if run_length else 3 if masks else 0
    colours = 0 if table is None else len(table)
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
        colours = 2**bits if colours else 0
    else:
        signed = -height if top_down else height
        fields = (header, width, signed, 1, bits, compression, len(body), 0, 0, colours, 0)
        head = struct.pack("<IiiHHIIiiII", *fields)
        if masks:
            head += struct.pack("<4I", *masks)[: 12 if header == 40 else 16]
        head += b"\0" * (header - len(head))
    palette = b""
    if table is not None:
        bgr = np.zeros((colours, 3 if header == 12 else 4), np.uint8)
        bgr[: len(table), :3] = table[:, ::-1]
        palette = bgr.tobytes()
    offset = 14 + len(head) + len(palette)
    start = struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset)
    return start + head + palette + body


def _bmp_row(row: np.ndarray, bits: int) -> bytes:
    if bits < 8:
        unpacked = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
        packed = np.packbits(unpacked.reshape(-1)).tobytes()
    else:
        packed = row.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()
    return packed + b"\0" * (-len(packed) % 4)


def gif_cells() -> Iterator[Cell]:
    """Transparency × palettes × offset first frames × interlaced × animations."""
    random = np.random.default_rng(5)
    choices = ((False, True), ("global", "local", "both"), (False, True), (False, True), (1, 3))
    for clear, tables, offset, interlaced, frames in itertools.product(*choices):
        shape = (HEIGHT - 4, WIDTH - 5) if offset else (HEIGHT, WIDTH)
        index = random.integers(0, 32, shape)
        screen_table, own_table = random.integers(0, 256, (2, 32, 3), np.uint8)
        content = gif(
            index,
            None if tables == "local" else screen_table,
            None if tables == "global" else own_table,
            corner=(2, 3) if offset else (0, 0),
            clear=7 if clear else None,
            interlaced=interlaced,
            frames=frames,
        )
        name = "GIF" + (", transparent" if clear else "") + (", offset" if offset else "")
        yield Cell(name, content, as_pillow_shows(content))


def gif(
    index: np.ndarray,
    screen_table: np.ndarray | None,
    own_table: np.ndarray | None,
    corner: tuple[int, int] = (0, 0),
    clear: int | None = None,
    interlaced: bool = False,
    frames: int = 1,
) -> bytes:
    """A GIF whose first frame has indices [h, w] of 32 colours; more frames are its mirrors."""
    content = b"GIF89a" + struct.pack("<HH", WIDTH, HEIGHT)
    content += bytes([0 if screen_table is None else 0x84, 0, 0])
    content += b"" if screen_table is None else screen_table.tobytes()
    content += b"!\xfe\x05hello\x00"
    for frame in range(frames):
        rows = index[:, ::-1] if frame % 2 else index
        flags = 0 if clear is None else 1
        content += b"!\xf9\x04" + struct.pack("<BHBB", flags, 5, clear or 0, 0)
        height, width = rows.shape
        flags = (0 if own_table is None else 0x84) | (0x40 if interlaced else 0)
        content += b"," + struct.pack("<HHHHB", corner[1], corner[0], width, height, flags)
        content += b"" if own_table is None else own_table.tobytes()
        if interlaced:
            rows = np.concatenate([rows[0::8], rows[4::8], rows[2::4], rows[1::2]])
        codes = _gif_codes(rows.reshape(-1))
        content += b"\x05"
        parts = [codes[start : start + 40] for start in range(0, len(codes), 40)]
        content += b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    return content + b";"


def _gif_codes(values: np.ndarray) -> bytes:
    """Indices of 5 bits as codes of 6, the table cleared before it would need longer ones."""
    codes = []
    for start in range(0, len(values), 28):
        codes += [32, *values[start : start + 28].tolist()]
    total = sum(code << 6 * place for place, code in enumerate([*codes, 33]))
    return total.to_bytes(-(-6 * (len(codes) + 1) // 8), "little")


def jpeg_cells(progressive: bool) -> Iterator[Cell]:
    """Colours with and without Adobe's marker × orientation in EXIF and in XMP."""
    # Photographs are smooth; what is not, decoders round differently.
    small = np.random.default_rng(9).integers(0, 256, (3, 4, 4), np.uint8)
    ink = Image.fromarray(small, "CMYK").resize((35, 22), Image.Resampling.BICUBIC)
    light = Image.fromarray(small[..., :3]).resize((35, 22), Image.Resampling.BICUBIC)
    plain = {"progressive": progressive, "quality": 95}
    files = {
        "grey": (light.convert("L"), {}),
        "YCbCr 4:2:0": (light, {"subsampling": 2}),
        "YCbCr 4:4:4": (light, {"subsampling": 0}),
        "RGB": (light, {"keep_rgb": True}),
        "CMYK": (ink, {}),
    }
    for (name, (image, options)), orientation, is_xmp in itertools.product(
        files.items(), ORIENTATIONS, (False, True)
    ):
        if is_xmp and not orientation:
            continue
        where = (
            {"xmp": xmp(orientation)}
            if is_xmp
            else {"exif": exif(orientation)}
            if orientation
            else {}
        )
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **plain, **options, **where)
        content = buffer.getvalue()
        made = {name: content}
        start = content.find(b"\xff\xee\x00\x0eAdobe")
        if start >= 0:
            made |= {f"{name} without Adobe": content[:start] + content[start + 16 :]}
        if name == "CMYK":
            assert start >= 0
            made["YCCK"] = content[: start + 15] + b"\x02" + content[start + 16 :]
        elif start < 0:
            adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([name != "RGB"])
            made |= {f"{name} with Adobe": content[:2] + adobe + content[2:]}
        for kind, one in made.items():
            yield Cell(f"JPEG {kind}", one, as_pillow_shows(one), LOSSY_LEVELS)


def webp_cells() -> Iterator[Cell]:
    """Lossy and lossless × transparent × animations × orientation in EXIF.

    Newer TensorFlows would decode them, past the limits that the graph sets for the formats it knows.
    """
    small = np.random.default_rng(11).integers(0, 256, (4, 4, 4), np.uint8)
    clear = Image.fromarray(small, "RGBA").resize((35, 22), Image.Resampling.BICUBIC)
    choices = itertools.product((False, True), (clear, clear.convert("RGB")), (1, 3), (0, 3, 6))
    for lossless, image, frames, orientation in choices:
        more = [image.rotate(180)] * (frames - 1)
        animated = {"save_all": True, "append_images": more} if more else {}
        buffer = io.BytesIO()
        image.save(
            buffer, "WEBP", lossless=lossless, quality=95, exif=exif(orientation), **animated
        )
        content = buffer.getvalue()
        yield Cell("WebP", content, as_pillow_shows(content), LOSSY_LEVELS)


def verdicts(cells: Iterator[Cell]) -> dict[str, dict[str, collections.Counter[str]]]:
    """Name → "training" and "serving" → how many cells are equal, different or refused why."""
    see = decoding.reader(READING)

    def verdict(cell: Cell, content: bytes) -> str:
        pixels, reason = (value.numpy() for value in see(tf.constant(content)))
        if reason:
            return reason.decode()
        if pixels.shape != cell.expected.shape:
            return "different"
        difference = np.abs(pixels.astype(int) - cell.expected).mean()
        return "equal" if difference <= cell.levels else "different"

    found: dict[str, dict[str, collections.Counter[str]]] = {}
    for cell in cells:
        counts = found.setdefault(
            cell.name, {"training": collections.Counter(), "serving": collections.Counter()}
        )
        counts["serving"][verdict(cell, cell.content)] += 1
        stored = decode.decode(cell.content, CONFIG)
        if isinstance(stored, decode.Rejection):
            counts["training"][stored.reason] += 1
        else:
            counts["training"][verdict(cell, stored.encoded)] += 1
    return found


FAMILIES = {
    **{
        f"PNG {name}": (lambda colour=colour: png_cells(colour))
        for colour, name in PNG_NAMES.items()
    },
    "PNG texts": png_text_cells,
    "BMP": bmp_cells,
    "GIF": gif_cells,
    "JPEG": lambda: jpeg_cells(False),
    "JPEG progressive": lambda: jpeg_cells(True),
    "WebP": webp_cells,
}


def main() -> None:
    """Prints the counts."""
    totals = {"training": collections.Counter[str](), "serving": collections.Counter[str]()}
    for family, cells in FAMILIES.items():
        for name, counts in verdicts(cells()).items():
            shown = "; ".join(f"{way}: {dict(count)}" for way, count in counts.items())
            print(f"{family}: {name}: {shown}", flush=True)
            for way, count in counts.items():
                totals[way] += count
    for way, count in totals.items():
        print(f"{way}: {count.total()} cells: {dict(count)}")


if __name__ == "__main__":
    main()
