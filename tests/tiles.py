"""A set of images with any number of labels, made of photographs: 2×2 tiles of up to three kinds."""

import csv
import random
from pathlib import Path

from PIL import Image

TILE_PX = 112
MOST_LABELS = 3
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def compose(source: Path, target: Path, count: int, seed: int = 0) -> Path:
    """Writes composed images and a manifest with their labels and splits.

    No photograph is in two splits: those of each class are dealt out first.

    Args:
      source: class folders of photographs.
      target: the folder to make: images, and metadata.csv with file_name, labels and split.
      count: the number of images.
      seed: of all draws.

    Returns:
      The target.
    """
    draw = random.Random(seed)  # noqa: S311 – no secret depends on it
    photos = _dealt(source, draw)
    target.mkdir(parents=True)
    with (target / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "labels", "split"])
        for number in range(count):
            split = draw.choices(list(SHARES), list(SHARES.values()))[0]
            names = draw.sample(sorted(photos[split]), draw.randint(0, MOST_LABELS))
            name = f"{number:04d}.jpg"
            _image(photos[split], names, draw).save(target / name, quality=90)
            rows.writerow([name, "|".join(names), split])
    return target


def _dealt(source: Path, draw: random.Random) -> dict[str, dict[str, list[Path]]]:
    """Deals the photographs of each class out to the splits."""
    dealt: dict[str, dict[str, list[Path]]] = {split: {} for split in SHARES}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        draw.shuffle(files)
        start = 0.0
        for split, share in SHARES.items():
            end = start + share * len(files)
            dealt[split][folder.name] = files[round(start) : round(end)]
            start = end
    return dealt


def _image(photos: dict[str, list[Path]], names: list[str], draw: random.Random) -> Image.Image:
    """Pastes a photograph of each name, and of some again, into random tiles."""
    tiles: list[str | None] = [*names, *[None] * (4 - len(names))]
    if names and draw.random() < 0.5:
        tiles[-1] = draw.choice(names)
    draw.shuffle(tiles)
    image = Image.new("RGB", (2 * TILE_PX, 2 * TILE_PX))
    for place, name in enumerate(tiles):
        corner = (place % 2 * TILE_PX, place // 2 * TILE_PX)
        if name is None:
            ground = tuple(draw.randrange(40, 200) for _ in range(3))
            image.paste(ground, (*corner, corner[0] + TILE_PX, corner[1] + TILE_PX))
            continue
        with Image.open(draw.choice(photos[name])) as photo:
            image.paste(photo.convert("RGB").resize((TILE_PX, TILE_PX)), corner)
    return image
