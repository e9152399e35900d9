"""Pages in Debian's Chromium, driven by Playwright, which then needs no browser of its own.

A test folder takes the fixtures in its conftest.py::

    from tests import browser

    chromium = browser.chromium
    open_page = browser.open_page
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DESKTOP_PX, PHONE_PX = 1280, 390
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser. A module's own: while Playwright runs, no test can start an event loop."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # As root, as in a container, Chromium runs only without its sandbox; the pages are our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:
    """Opens a file as a page: ``open_page(path, width=1280, scheme="light", javascript=True)``.

    After the test, it fails if a page wrote to the console, raised, or asked for anything but
    itself.
    """
    problems: list[str] = []

    def watch(page: Any, address: str) -> None:
        page.on("console", lambda message: problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: note(request.url, address))

    def note(url: str, address: str) -> None:
        if url.split("#")[0] != address and not url.startswith("data:"):
            problems.append(f"request: {url}")

    with contextlib.ExitStack() as opened:

        def open_(
            path: Path, width: int = DESKTOP_PX, scheme: str = "light", javascript: bool = True
        ) -> Any:
            context = chromium.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                java_script_enabled=javascript,
            )
            opened.callback(context.close)
            page = context.new_page()
            watch(page, path.as_uri())
            page.goto(path.as_uri())
            return page

        yield open_
    assert problems == []
