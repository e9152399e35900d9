"""The colours of classes: the same in the report, in contract.json and so on the served page.

Dimension letter: K classes.
"""

import colorsys

import numpy as np

VOID = (128, 128, 128)
_LIGHTNESS = (0.45, 0.62, 0.35)
_SATURATION = 0.65
# Hues this far apart never come close to each other: the golden angle, as a share of the circle.
_STEP = 0.618034


def palette(count: int) -> np.ndarray:
    """Returns uint8 [256, 3]: a colour for each of K classes, and grey for void and the rest."""
    table = np.full([256, 3], VOID, np.uint8)
    for number in range(count):
        hue, lightness = (number * _STEP) % 1, _LIGHTNESS[number % len(_LIGHTNESS)]
        table[number] = [
            round(255 * one) for one in colorsys.hls_to_rgb(hue, lightness, _SATURATION)
        ]
    return table


def css(count: int) -> list[str]:
    """Returns the colours of K classes as CSS has them, #rrggbb."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in palette(count)[:count]]
