"""Describes the exports for other runtimes inside a SavedModel: ``assets.extra/exports``.

``assets.extra`` is the folder of a SavedModel that servers do not load. A copy of the model
contains its exports: they are one version, and are released together or not at all.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pydantic

from components.preprocess import materialise
from components.trainer.exports import config as export_config
from components.trainer.exports.formats import export_format
from data.files import read_back
from tasks import task
from tasks.facets.training import Fitted

FOLDER = Path("assets.extra") / "exports"
FILE = "exports.json"
VERSION = 1
RESIZED = {
    "stretch": "to S × S whatever its sides",
    "center_crop": "the middle square of it to S × S",
    "letterbox": "to fit into S × S, black around it",
}


@dataclass(frozen=True)
class Export:
    """File of one export.

    Attributes:
      format: as in ExportConfig.
      file: its name in the folder.
      size_bytes: its size.
      sha256: digest of its content.
    """

    format: export_config.Format
    file: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, name: export_config.Format, path: Path) -> "Export":
        """Describes a file of a format."""
        content = path.read_bytes()
        return cls(name, path.name, len(content), hashlib.sha256(content).hexdigest())


def write(folder: Path, spec: materialise.Spec, fitted: Fitted, exports: Sequence[Export]) -> None:
    """Writes ``exports.json`` beside the files.

    Args:
      folder: the folder of the exports.
      spec: the spec of the model's pixels.
      fitted: what makes probabilities of outputs inside the files.
      exports: the files.
    """
    text = json.dumps(describe(spec, fitted, exports), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def describe(spec: materialise.Spec, fitted: Fitted, exports: Sequence[Export]) -> dict[str, Any]:
    """Returns all that a program needs to run one of the files; see :func:`write`."""
    size = spec.size_px
    return {
        "version": VERSION,
        "labels": spec.labels,
        "image_size_px": size,
        "resize": spec.resize,
        **spec.reading.to_dict(),
        **fitted.parameters(spec.labels),
        "input": {
            "name": export_format.INPUT,
            "type": f"uint8 [B, {size}, {size}, 3], RGB in 0–255; B is 1 in .tflite files, any in"
            " .onnx",
            "preparation": "The image is decoded; grey values v of more than 8 bits become"
            " round((v − low) × 255 / (high − low)), clipped to 0–255, with value_range as [low, high],"
            " or float_range where v is a floating-point number; 16-bit colours are cut to their high"
            " byte. It is turned upright by its EXIF orientation, converted to sRGB by its embedded"
            " colour profile where convert_to_srgb is true (perceptual intent), put on"
            f" background_rgb where it is transparent, and resized {RESIZED[spec.resize]}, with S ="
            f" {size}, bilinear and antialiased. All else is inside the file.",
        },
        "output": {
            "name": export_format.OUTPUT,
            "type": f"float32 {task.load(spec.task).signatures.exported(spec.labels)}, in 0–1, in"
            " the order of labels; calibrated",
        },
        "exports": [asdict(one) for one in exports],
    }


def read(saved_model: Path) -> list[Export]:
    """Reads the list of exports of a SavedModel; empty if it has none.

    Raises:
      errors.DataError: ``exports.json`` is missing or damaged.
    """
    folder = saved_model / FOLDER
    if not folder.exists():
        return []
    make = pydantic.TypeAdapter(list[Export]).validate_python
    return read_back.json_file(
        folder / FILE, "list of exports", lambda stored: make(stored["exports"])
    )
