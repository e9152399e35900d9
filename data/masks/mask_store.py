"""Converted masks beside the index of ingest, a file each: its facts as a line of JSON, then the PNG.

A file is named by everything that its content follows from, and written whole or not at all, so that a
killed ingest goes on where it was. A mask that cannot be used has its reason in place of the facts.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from data.files import atomic, read_back
from data.images import decode
from data.masks import work

WHAT = "converted mask"
_HEAD_BYTES = 1 << 16


class MaskStore:
    """The masks of one set of rules.

    Args:
      folder: where they are kept; made when needed.
      rules: how they are converted.
      code: hash of the code that converts.
    """

    def __init__(self, folder: Path, rules: work.Rules, code: str = "") -> None:
        text = f"{code} {rules.model_dump_json()}"
        self.folder = folder / f"masks-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def path(self, mask: str, image_sha256: str, size: tuple[int, int]) -> Path:
        """Returns where the mask of an image is.

        Args:
          mask: the identity of the mask's file: path, size and modification time.
          image_sha256: the digest of the image's file.
          size: height and width of the stored image.
        """
        text = f"{mask}\0{image_sha256}\0{size[0]}x{size[1]}"
        name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / name[:2] / name


def write(path: Path, result: work.Made | decode.Rejection) -> None:
    """Writes a mask or the reason why there is none."""
    if isinstance(result, decode.Rejection):
        content = json.dumps({"rejected": result}).encode() + b"\n"
    else:
        content = json.dumps({"facts": result.facts}).encode() + b"\n" + result.encoded
    with atomic.replacing(path) as temporary:
        temporary.write_bytes(content)


def facts(path: Path) -> work.Facts | decode.Rejection | None:
    """Reads the facts of a mask; None if it was not converted, or the file is damaged."""
    try:
        with (
            read_back.reading(f"{WHAT} {path}"),
            read_back.local(path, read_back.MAX_BYTES) as file,
        ):
            head = file.readline(_HEAD_BYTES)
        return read_back.from_json(head, WHAT, _head)
    except read_back.ReadError:
        return None


def encoded(path: Path) -> bytes:
    """Reads the PNG of a mask.

    Raises:
      errors.PipelineError: the file is missing or damaged.
    """
    content = read_back.content(path, WHAT, read_back.STEP_AGAIN)
    with read_back.reading(f"{WHAT} {path}", read_back.STEP_AGAIN):
        png = content[content.index(b"\n") + 1 :]
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise ValueError("it holds no PNG")
        return png


def _head(raw: Any) -> work.Facts | decode.Rejection:
    if "rejected" in raw:
        reason, detail = raw["rejected"]
        return decode.Rejection(str(reason), str(detail))
    return work.facts_from_json(raw["facts"])
