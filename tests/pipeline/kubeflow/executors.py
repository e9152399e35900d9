"""Executors that behave badly, for the entry point."""

import threading
import time
from typing import Any

from tfx.dsl.components.base import base_executor

from data import errors


class Refuses(base_executor.BaseExecutor):
    def Do(self, *_: Any) -> None:
        raise errors.DataError("There is nothing to learn from.")


class LeavesAThread(base_executor.BaseExecutor):
    def Do(self, *_: Any) -> None:
        threading.Thread(target=time.sleep, args=(3600,)).start()
