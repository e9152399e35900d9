"""Drawn scenes with their masks: sky above a road, and boxes on it. Nothing is imported from a test."""

from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 48, 64
CLASSES = ("sky", "road", "box")
COLOURS = np.array([[120, 170, 230], [90, 90, 90], [200, 60, 40]], np.float32)
VOID = 255


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws a scene uint8 [HEIGHT, WIDTH, 3] and its mask uint8 [HEIGHT, WIDTH]."""
    generator = np.random.default_rng(seed)
    mask = np.zeros([HEIGHT, WIDTH], np.uint8)
    horizon = int(generator.integers(14, 30))
    mask[horizon:] = 1
    for _ in range(2):
        top, left = int(generator.integers(horizon - 6, 36)), int(generator.integers(0, WIDTH - 14))
        mask[top : top + 12, left : left + 14] = 2
    noise = generator.normal(0, 12, [HEIGHT, WIDTH, 3])
    pixels = np.clip(COLOURS[mask] * generator.uniform(0.8, 1.2) + noise, 0, 255)
    mask[:2] = VOID
    return pixels.astype(np.uint8), mask


def write(root: Path, count: int) -> Path:
    """Writes a folder of images and masks, with a list of the classes."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for seed in range(count):
        pixels, mask = draw(seed)
        Image.fromarray(pixels).save(root / "images" / f"scene{seed:03d}.png")
        Image.fromarray(mask).save(root / "masks" / f"scene{seed:03d}.png")
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return root
