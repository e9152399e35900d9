"""Builds ICC profiles for tests. Source of the layout: ICC.1:2022, 7 and 10."""

import struct
from collections.abc import Sequence

import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])
D65 = np.array([0.3127, 0.3290])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
# Chromaticities of red, green, blue.
SRGB = [[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]]
DISPLAY_P3 = [[0.680, 0.320], [0.265, 0.690], [0.150, 0.060]]
ADOBE_RGB = [[0.64, 0.33], [0.21, 0.71], [0.15, 0.06]]
PROPHOTO = [[0.7347, 0.2653], [0.1596, 0.8404], [0.0366, 0.0001]]


def fixed(*values: float) -> bytes:
    """Packs s15Fixed16Numbers."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def xyz(values: Sequence[float]) -> bytes:
    """Packs the data of a colorant."""
    return b"XYZ \0\0\0\0" + fixed(*values)


def curv(*values: int) -> bytes:
    """Packs a curve: none, a gamma × 256, or a table of 16 bits."""
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def table(function, count: int) -> bytes:
    """Packs a curve as a table of a function on 0–1."""
    return curv(*(round(65535 * float(function(i / (count - 1)))) for i in range(count)))


def para(kind: int, *values: float) -> bytes:
    """Packs a parametric curve."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*values)


SRGB_CURVE = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(
    tags: dict[str, bytes],
    space: str = "RGB ",
    connection: str = "XYZ ",
    version: int = 0x02100000,
    device_class: str = "mntr",
) -> bytes:
    """Builds a profile of its tags."""
    start = 132 + 12 * len(tags)
    directory, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        offset = start + len(content)
        directory += name.encode() + struct.pack(">II", offset, len(value))
        content += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI", start + len(content), b"test", version)
    head += (device_class + space + connection).encode() + bytes(12) + b"acsp"
    head += bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + directory + content


def rgb(
    primaries: Sequence[Sequence[float]],
    curves: bytes | Sequence[bytes],
    white: Sequence[float] = D65,
    extra: dict[str, bytes] | None = None,
    **options,
) -> bytes:
    """Builds an RGB profile of three colorants, adapted to D50, and one or three curves."""
    xy = np.array(primaries)
    columns = np.stack([xy[:, 0] / xy[:, 1], np.ones(3), (1 - xy.sum(1)) / xy[:, 1]])
    white_xyz = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    matrix = columns * np.linalg.solve(columns, white_xyz)
    gains = (BRADFORD @ D50) / (BRADFORD @ white_xyz)
    matrix = np.linalg.solve(BRADFORD, gains[:, None] * BRADFORD) @ matrix
    three = [curves] * 3 if isinstance(curves, bytes) else curves
    tags = {f"{channel}XYZ": xyz(matrix[:, i]) for i, channel in enumerate("rgb")}
    tags |= {f"{channel}TRC": curve for channel, curve in zip("rgb", three, strict=True)}
    return profile({**tags, **(extra or {})}, **options)


def grey(curve: bytes, **options) -> bytes:
    """Builds a grey profile of one curve."""
    return profile({"kTRC": curve}, **{"space": "GRAY", **options})


def lut16(inputs: int) -> bytes:
    """Packs a look-up table from device to Lab: the lightness is one minus the mean of the inputs."""
    nodes = np.stack(np.meshgrid(*[[0, 1]] * inputs, indexing="ij"), -1).reshape(-1, inputs)
    lightness = (0xFF00 * (1 - nodes.mean(1))).astype(int)
    values = np.stack([lightness, *[np.full_like(lightness, 0x8000)] * 2], 1).ravel()
    ramps = [0, 0xFFFF] * inputs, [0, 0xFFFF] * 3
    head = b"mft2" + bytes(4) + struct.pack(">BBBx", inputs, 3, 2)
    head += fixed(*np.eye(3).ravel()) + struct.pack(">HH", 2, 2)
    return head + b"".join(struct.pack(f">{len(v)}H", *v) for v in (ramps[0], values, ramps[1]))


CMYK = profile(
    {"A2B0": lut16(4)}, space="CMYK", connection="Lab ", device_class="prtr", version=0x02100000
)
