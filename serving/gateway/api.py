"""The common part of the gateway's protocols: what they answer requests with."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from serving.gateway import admission, bounds, upstream
from serving.replay import recording

# So much is parsed in less time than it takes to hand it to a thread and back.
_SMALL_BYTES = 1 << 18

_Parsed = TypeVar("_Parsed")


class Api:
    """Answers the requests of one protocol.

    Args:
      triton: the running Triton; it has the model's name.
      model_dir: the model's folder, for the signatures.
      admitted: counts the requests in the gateway.
      limits: the bounds of a request.
      recorder: receives the images of answered requests; None: nothing is recorded.
    """

    def __init__(
        self,
        triton: upstream.Upstream,
        model_dir: Path,
        admitted: admission.Admission,
        limits: bounds.Limits,
        recorder: recording.Recorder | None = None,
    ) -> None:
        self._triton = triton
        self._model_dir = model_dir
        self._admitted = admitted
        self._limits = limits
        self._recorder = recorder

    async def _parse(self, body: bytes, parse: Callable[[bytes], _Parsed]) -> _Parsed:
        """Returns what a function makes of a body; it runs in a thread if that is large."""
        if len(body) <= _SMALL_BYTES:
            return parse(body)
        return await asyncio.to_thread(parse, body)

    async def _record(self, images: Callable[[], Sequence[bytes]]) -> None:
        """Records the images of an answered request, if it is one of those that are recorded."""
        if self._recorder is not None and self._recorder.takes():
            await asyncio.to_thread(self._recorder.write, images())
