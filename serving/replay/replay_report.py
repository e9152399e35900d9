"""Reports of a replay's results, as JSON for programs and as a page for people."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image, ImageOps

from serving import errors, files
from serving.replay import recording, replay

MAX_SHOWN = 200
_THUMBNAIL_PX = 96
# Larger images get no thumbnail.
_MAX_PIXELS = 50_000_000


def write(
    found: replay.Replay,
    recorded: Sequence[recording.Recorded],
    max_disagreement: float,
    path: Path,
) -> None:
    """Writes the report atomically.

    Args:
      found: the results.
      recorded: the images, for thumbnails of those that differ.
      max_disagreement: what is allowed, in 0–1.
      path: the file; its ending is one of ``WRITERS``.

    Raises:
      errors.UserError: the file cannot be written.
    """
    text = WRITERS[path.suffix](found, recorded, max_disagreement)
    try:
        files.write_whole(path, text)
    except OSError as error:
        raise errors.UserError(f"--report {path} cannot be written: {error.strerror}.") from error


def content(found: replay.Replay, max_disagreement: float) -> dict[str, Any]:
    """Returns the report's content; fractions, scores and probabilities are in 0–1."""
    return {
        "versions": [_version(found, which) for which in (0, 1)],
        "images": found.images,
        "read_by_neither": found.neither,
        "disagreements": found.disagreements,
        "disagreement_fraction": found.fraction,
        "max_disagreement": max_disagreement,
        "within": found.fraction <= max_disagreement,
        "label_changes": [
            {"image": one.image, "labels": list(one.labels), "scores": list(one.scores)}
            for one in found.label_changes
        ],
        "newly_invalid": found.newly_invalid,
        "newly_valid": found.newly_valid,
        "outlier_changes": [
            {"image": image, "outlier": list(flags)}
            for image, flags in found.outlier_changes.items()
        ],
        "probabilities": {
            "mean_change": found.mean_change,
            "largest_change": found.largest.change,
            "largest_change_image": found.largest.image,
            "largest_change_label": found.largest.label,
        },
        "unreadable": [{"name": one.name, "reason": one.reason} for one in found.unreadable],
    }


def _version(found: replay.Replay, which: int) -> dict[str, Any]:
    p50, p99 = found.percentiles_ms(which)
    own, other = found.labels[which], found.labels[1 - which]
    return {
        "name": found.names[which],
        "classes": len(own),
        "classes_of_its_own": [label for label in own if label not in other],
        "p50_ms": p50,
        "p99_ms": p99,
    }


def _json(
    found: replay.Replay, recorded: Sequence[recording.Recorded], max_disagreement: float
) -> str:
    return json.dumps(content(found, max_disagreement), indent=1, ensure_ascii=False) + "\n"


def _page(
    found: replay.Replay, recorded: Sequence[recording.Recorded], max_disagreement: float
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    by_name = {one.name: one for one in recorded}
    return environment.get_template("replay.html").render(
        found=content(found, max_disagreement),
        shown=MAX_SHOWN,
        picture=lambda name: _picture(by_name[name]),
    )


def _picture(recorded: recording.Recorded) -> str:
    """Returns a thumbnail as a data URL; empty if Pillow cannot make one."""
    try:
        with Image.open(io.BytesIO(recorded.read())) as image:
            if image.width * image.height > _MAX_PIXELS:
                return ""
            image.draft("RGB", (_THUMBNAIL_PX, _THUMBNAIL_PX))
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=80)
    except Exception:  # of whatever kind: it may be no image at all
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


WRITERS: dict[str, Callable[[replay.Replay, Sequence[recording.Recorded], float], str]] = {
    ".html": _page,
    ".json": _json,
}
