"""Asks a server all the time whether it runs, while something else is done to it."""

import threading
import time
import urllib.request
from collections import Counter

_PATH = "/v2/health/ready"
_TIMEOUT_S = 90.0


class Health:
    """Asks all the time whether a server runs.

    Attributes:
      worst_s: the longest time until an answer.
      statuses: how often each came; -1: none.
    """

    def __init__(self, urls: list[str]) -> None:
        self.worst_s = 0.0
        self.statuses: Counter[int] = Counter()
        self._urls = urls
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.statuses or not self._done.wait(0.1):
            for url in self._urls:
                self._ask(url + _PATH)

    def _ask(self, url: str) -> None:
        start = time.monotonic()
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310
                status = response.status
        except OSError as error:
            status = getattr(error, "code", -1)
        self.statuses[status] += 1
        self.worst_s = max(self.worst_s, time.monotonic() - start)

    def __enter__(self) -> "Health":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
