"""Drawn images of squares and discs, with their boxes in a CSV file."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HEIGHT, WIDTH = 96, 128
COLOURS = {"disc": (40, 90, 220), "square": (220, 60, 40)}
Box = tuple[str, int, int, int, int]  # class, xmin, ymin, xmax, ymax


def draw(seed: int) -> tuple[np.ndarray, list[Box]]:
    """Draws an image uint8 [HEIGHT, WIDTH, 3] of up to two objects, one in each half."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (WIDTH, HEIGHT), (150, 160, 150))
    pen, boxes = ImageDraw.Draw(image), []
    for left in (0, WIDTH // 2):
        name = ("disc", "square", None)[int(generator.integers(3))] if seed % 10 else None
        side = int(generator.integers(28, 44))
        x = left + int(generator.integers(2, WIDTH // 2 - side - 2))
        y = int(generator.integers(2, HEIGHT - side - 2))
        if name is None:
            continue
        shape = pen.ellipse if name == "disc" else pen.rectangle
        shape((x, y, x + side - 1, y + side - 1), fill=COLOURS[name])
        boxes.append((name, x, y, x + side, y + side))
    noise = generator.normal(0, 10, [HEIGHT, WIDTH, 3])
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8), boxes


def write(root: Path, count: int) -> Path:
    """Writes a folder of images, and ``boxes.csv``; images without objects have an empty row."""
    root.mkdir(parents=True)
    with (root / "boxes.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "xmin", "ymin", "xmax", "ymax", "label"])
        for seed in range(count):
            pixels, boxes = draw(seed)
            name = f"shapes{seed:03d}.png"
            Image.fromarray(pixels).save(root / name)
            rows.writerows([name, *box[1:], box[0]] for box in boxes)
            if not boxes:
                rows.writerow([name, "", "", "", "", ""])
    return root
