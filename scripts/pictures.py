"""Pictures of pages for the docs: Debian's Chromium by Playwright, and small PNG files."""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright import sync_api

COLOURS = 128
MOST_BYTES = 80 << 10


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Yields the browser."""
    # As root, as in a container, Chromium runs only without its sandbox; the pages are our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)


def save(content: bytes, path: Path) -> None:
    """Writes a PNG with fewer colours; ends the program where it is too large for a repository."""
    with Image.open(io.BytesIO(content)) as image:
        image.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{path} is larger than {MOST_BYTES:,} bytes.")
