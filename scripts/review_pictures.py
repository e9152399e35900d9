"""Takes the pictures of docs/review.md: the page of a review, wide and on a phone, in Chromium.

    .venv/bin/python scripts/review_pictures.py --output-dir output [--target docs/images]

Starts ``python -m pipeline.review`` on the output folder of a run, presses keys, and decides nothing. The
pictures in the docs show the embedded digits, some of which lie in the folder of another class.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pictures

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_MS = 120_000
# Name → width, height, colours of the system, keys that are pressed before.
PICTURES: dict[str, tuple[int, int, Any, tuple[str, ...]]] = {
    "review": (1280, 720, "light", ("h",)),
    "review_picker": (1280, 720, "light", ("r", *"ink")),
    "review_390": (390, 1000, "light", ()),
}


def main() -> None:
    """Takes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output-dir", default="output")
    parser.add_argument("--target", type=Path, default=ROOT / "docs" / "images")
    given = parser.parse_args()
    command = [sys.executable, "-m", "pipeline.review", "--output-dir", given.output_dir]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        link = next((line.split()[-1] for line in started.stdout or () if "http://" in line), None)
        if link is None:
            sys.exit("The review did not start.")
        try:
            _take(link, given.target)
        finally:
            started.send_signal(signal.SIGINT)


def _take(link: str, target: Path) -> None:
    with pictures.chromium() as browser:
        for name, (width, height, scheme, keys) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(link)
            page.locator("figure img[width]").first.wait_for()  # set when it is loaded
            for key in keys:
                page.keyboard.press(key)
            if "h" in keys:
                page.locator("figure canvas").wait_for()
            pictures.save(page.screenshot(), target / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
