"""The page of the model server in a browser: opened, and given files as by a drop or a paste."""

import base64
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests import browser

# The browser's own console messages for responses that a test provokes.
STATUS = re.compile(r"Failed to load resource: .*(401|413|503|ERR_INTERNET_DISCONNECTED)")
DATA = """files => {
  const data = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    data.items.add(new File([bytes], name));
  }
  return data;
}"""


@contextlib.contextmanager
def opening(chromium: Any, address: str, token: str | None = None) -> Iterator[Callable[..., Any]]:
    """Yields what opens the page; fails on unexpected console messages, exceptions or requests.

    Args:
      chromium: the browser.
      address: of the server.
      token: what the page is opened with, unless another is given.
    """
    problems: list[str] = []

    def watch(tab: Any) -> None:
        def note(kind: str, text: object) -> None:
            problems.append(f"{kind}: {text}")

        tab.on("console", lambda said: STATUS.match(said.text) or note("console", said.text))
        tab.on("pageerror", lambda error: note("error", error))
        tab.on("dialog", lambda dialog: note("dialog", dialog.message))
        tab.on(
            "request",
            lambda sent: (
                sent.url.startswith((f"{address}/", "blob:", "data:")) or note("request", sent.url)
            ),
        )

    with contextlib.ExitStack() as opened:

        def open_(
            width: int = browser.DESKTOP_PX, scheme: str = "light", token: str | None = token
        ) -> Any:
            context = chromium.new_context(
                viewport={"width": width, "height": 844}, color_scheme=scheme
            )
            opened.callback(context.close)
            context.add_init_script(
                f"sessionStorage.getItem('serving-token')"
                f" ?? sessionStorage.setItem('serving-token', {json.dumps(token)})"
                if token
                else ""
            )
            tab = context.new_page()
            watch(tab)
            tab.goto(f"{address}/")
            return tab

        yield open_
    assert problems == []


def data(tab: Any, files: dict[str, bytes]) -> Any:
    """Returns a DataTransfer with files, as of a drop or a paste."""
    named = [[name, base64.b64encode(content).decode()] for name, content in files.items()]
    return tab.evaluate_handle(DATA, named)


def drop(tab: Any, **files: bytes) -> None:
    """Drops files, and waits until each is answered."""
    tab.dispatch_event("main", "drop", {"dataTransfer": data(tab, files)})
    answered(tab, len(files))


def answered(tab: Any, count: int) -> None:
    """Waits until so many images are answered."""
    images = "1 image" if count == 1 else f"{count} images"
    tab.get_by_role("status").get_by_text(f"{images} answered", exact=True).wait_for()
