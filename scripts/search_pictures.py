"""Takes the pictures of the docs of search by image: neighbours of an image, wide and on a phone, in Chromium.

    .venv/bin/python scripts/search_pictures.py --model-dir output/serving/NAME --image FILE [--target DIR]

Starts ``python -m serving serve`` on the versions of a search, and drops the image on its page. The pictures
in the docs show a gallery of photographs of flowers.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pictures

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_MS = 300_000
# Name → width and height.
PICTURES = {"search": (1280, 900), "search_390": (390, 1000)}


def main() -> None:
    """Takes all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=ROOT / "docs" / "images")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        address = Path(scratch) / "address.json"
        command = [sys.executable, "-m", "serving", "serve", "--model-dir", str(given.model_dir)]
        command += ["--port", "0", "--address-file", str(address)]
        with subprocess.Popen(command, cwd=ROOT) as started:
            try:
                while not address.exists():
                    if started.poll() is not None:
                        sys.exit("The server did not start.")
                    time.sleep(0.2)
                _take(json.loads(address.read_text())["rest"], given.image, given.target)
            finally:
                started.send_signal(signal.SIGINT)


def _take(link: str, image: Path, target: Path) -> None:
    with pictures.chromium() as browser:
        for name, (width, height) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            _search(page, link, image)
            pictures.save(page.screenshot(), target / f"{name}.png")
            page.close()


def _search(page: Any, link: str, image: Path) -> None:
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(link)
    page.locator("#files").set_input_files(image)
    page.get_by_role("status").get_by_text("1 image answered", exact=True).wait_for()


if __name__ == "__main__":
    main()
