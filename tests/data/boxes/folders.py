"""Writes the same boxes in every format that is read, and folders of them."""

import json
from pathlib import Path
from typing import Any

from tests.data import pictures

Row = tuple[str, int, int, int, int]  # label, left, top, right, bottom
CLASSES = ("apple", "pear")
SIZES = {"train/a": (80, 60), "train/b": (77, 131), "valid/c": (64, 64)}  # width, height
ROWS: dict[str, list[Row]] = {
    "train/a": [("pear", 3, 4, 50, 41), ("apple", 0, 0, 80, 60)],
    "train/b": [],
    "valid/c": [("apple", 10, 11, 13, 61), ("apple", 1, 2, 31, 33), ("pear", 7, 7, 19, 64)],
}


def images(root: Path) -> None:
    """Writes the images."""
    for index, (name, (width, height)) in enumerate(SIZES.items()):
        path = root / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.saved(pictures.noise(height, width, index), "JPEG"))


def voc(root: Path, name: str, rows: list[Row], size: tuple[int, int], filename: str = "") -> None:
    """Writes one file of Pascal VOC."""
    objects = "".join(
        f"<object>\n<name>{label}</name><difficult>0</difficult><bndbox><xmin>{left}</xmin>"
        f"<ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>\n"
        for label, left, top, right, bottom in rows
    )
    filename = filename or f"{name.rpartition('/')[2]}.jpg"
    (root / f"{name}.xml").write_text(
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height></size>\n{objects}</annotation>"
    )


def all_voc(root: Path) -> None:
    for name, rows in ROWS.items():
        voc(root, name, rows, SIZES[name])


def all_coco(root: Path) -> None:
    for folder in ("train", "valid"):
        names = [name for name in ROWS if name.startswith(folder)]
        whole: dict[str, Any] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": 7 * i + 1, "name": name} for i, name in enumerate(CLASSES)],
        }
        for index, name in enumerate(names):
            width, height = SIZES[name]
            file_name = f"{name.rpartition('/')[2]}.jpg"
            whole["images"].append(
                {"id": index, "file_name": file_name, "width": width, "height": height}
            )
            for label, left, top, right, bottom in ROWS[name]:
                box = [left, top, right - left, bottom - top]
                row = {"image_id": index, "category_id": 7 * CLASSES.index(label) + 1, "bbox": box}
                whole["annotations"].append({**row, "area": box[2] * box[3], "iscrowd": 0})
        (root / folder / "_annotations.coco.json").write_text(json.dumps(whole))


def all_yolo(root: Path) -> None:
    (root / "data.yaml").write_text("names: [apple, pear]\ntrain: ../train\nval: ../valid\n")
    for name, rows in ROWS.items():
        width, height = SIZES[name]
        lines = []
        for label, left, top, right, bottom in rows:
            x, y = (left + right) / 2 / width, (top + bottom) / 2 / height
            w, h = (right - left) / width, (bottom - top) / height
            lines.append(f"{CLASSES.index(label)} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n")
        (root / f"{name}.txt").write_text("".join(lines))


def all_csv(root: Path) -> None:
    lines = ["file_name,xmin,ymin,xmax,ymax,label"]
    for name, rows in ROWS.items():
        lines += [f"{name}.jpg,{box[1]},{box[2]},{box[3]},{box[4]},{box[0]}" for box in rows]
        lines += [] if rows else [f"{name}.jpg,,,,,"]
    (root / "boxes.csv").write_text("\n".join(lines))


def all_label_studio(root: Path) -> None:
    tasks = []
    for name, rows in ROWS.items():
        width, height = SIZES[name]
        result = []
        for label, left, top, right, bottom in rows:
            value = {"x": 100 * left / width, "y": 100 * top / height, "rotation": 0}
            value |= {"width": 100 * (right - left) / width}
            value |= {"height": 100 * (bottom - top) / height, "rectanglelabels": [label]}
            result.append(
                {
                    "type": "rectanglelabels",
                    "original_width": width,
                    "original_height": height,
                    "value": value,
                }
            )
        image = f"/data/upload/1/0a1b2c3d-{name.rpartition('/')[2]}.jpg"
        tasks.append({"data": {"image": image}, "annotations": [{"result": result}]})
    (root / "export.json").write_text(json.dumps(tasks))


def all_cvat(root: Path) -> None:
    parts = ["<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version>"]
    for name, rows in ROWS.items():
        width, height = SIZES[name]
        parts.append(f'<image id="0" name="{name}.jpg" width="{width}" height="{height}">')
        for label, left, top, right, bottom in rows:
            parts.append(
                f'<box label="{label}" xtl="{left}.00" ytl="{top}.00" xbr="{right}.00" ybr="{bottom}.00"/>'
            )
        parts.append("</image>")
    (root / "annotations.xml").write_text("\n".join([*parts, "</annotations>"]))


FORMATS = {
    "voc": all_voc,
    "coco": all_coco,
    "yolo": all_yolo,
    "csv": all_csv,
    "label_studio": all_label_studio,
    "cvat": all_cvat,
}
