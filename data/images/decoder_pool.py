"""Decodes files on several :mod:`data.images.decoder_process` processes; a bad image affects only itself."""

import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from data import errors, fresh_process
from data.files import read_back
from data.images import decode, decode_config, decoder_process, value_range
from data.masks import work

START_SECONDS = 120
_IN_FLIGHT = 64  # requests a decoder has at a time, so that it never waits for the next
_PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031  # of Linux; Python 3.10 has the name only where the system does
_POLL_SECONDS = 0.5
_ENVIRONMENT = {
    # BLAS threads of several processes would compete for the same cores.
    "OPENBLAS_NUM_THREADS": "1",
    # The C library keeps so much memory for the next image, in place of returning that of every array to the
    # system, which has to clear it before it gives it again: a fifth of the time of a photograph.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
_ANSWER = "answer of an image decoder"
_HEAD_BYTES = 1 << 20
Found = tuple[decoder_process.Request, decoder_process.Answer]


def _head(found: Any) -> tuple[dict[str, Any], list[int]]:
    """Returns the line before an answer's bytes, and the number of these."""
    lengths = found["lengths"]
    if len(lengths) != 2 or not all(type(one) is int and one >= 0 for one in lengths):
        raise ValueError(f"the lengths {lengths!r:.100}")
    return found, lengths


class _Decoder:
    """One process, its pending requests, and its output so far."""

    def __init__(
        self,
        root: str,
        config: decode_config.DecodeConfig,
        scale: value_range.Scale,
        masks: work.Rules | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "data.images.decoder_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": fresh_process.python_path(), **_ENVIRONMENT},
        )
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        # Room for answers while the pipeline is busy with others; a system may allow less.
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(self.stdout, F_SETPIPE_SZ, _PIPE_BYTES)
        self.requests: deque[decoder_process.Request] = deque()
        self.buffer = bytearray()
        self.ready = self.ended = False
        self.since = time.monotonic()
        settings = {
            "root": root,
            "config": config.model_dump(),
            "scale": dataclasses.asdict(scale),
            "masks": masks and masks.model_dump(),
        }
        self.stdin.write(json.dumps(settings).encode() + b"\n")

    def ask(self, requests: list[decoder_process.Request]) -> None:
        if not self.requests:
            self.since = time.monotonic()
        self.requests += requests
        with contextlib.suppress(BrokenPipeError):  # it died; reading will notice
            self.stdin.write(b"".join(request.line() for request in requests))

    def receive(self) -> None:
        content = self.stdout.read(_PIPE_BYTES)
        self.buffer += content or b""
        self.ended = not content
        self.since = time.monotonic()

    def answers(self) -> list[Found]:
        """Takes all complete answers from the buffer; ends a decoder that writes anything else."""
        found: list[Found] = []
        try:
            self._take(found)
        except read_back.ReadError as error:
            logging.warning("%s", error)
            self.process.kill()
            self.buffer.clear()
            self.ended = True
        return found

    def _take(self, found: list[Found]) -> None:
        start, end = 0, self.buffer.find(b"\n")
        if not self.ready and end >= 0:
            self.ready, start = True, end + 1
        while (end := self.buffer.find(b"\n", start, start + _HEAD_BYTES)) >= 0:
            head, lengths = read_back.from_json(bytes(self.buffer[start:end]), _ANSWER, _head)
            middle = end + 1 + lengths[0]
            last = middle + lengths[1]
            if len(self.buffer) < last:
                break
            with memoryview(self.buffer) as view:
                encoded, samples = bytes(view[end + 1 : middle]), bytes(view[middle:last])
            start = last
            with read_back.reading(_ANSWER):
                answer = decoder_process.unpack(head, encoded, samples)
            found.append((self.requests.popleft(), answer))
        if end < 0 and len(self.buffer) - start > _HEAD_BYTES:
            raise read_back.ReadError.of(_ANSWER, "it is no line of JSON")
        del self.buffer[:start]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


class DecoderPool:
    """A pool of decoders for one data folder; close it after use.

    Args:
      root: the data folder.
      config: limits and how images are stored.
      size: the number of processes; they start when first needed.
      scale: how values of more than 8 bits become 0–255.
      masks: how masks are understood; None if they are only described.
    """

    def __init__(
        self,
        root: str,
        config: decode_config.DecodeConfig,
        size: int,
        scale: value_range.Scale = decode.TYPE_SCALE,
        masks: work.Rules | None = None,
    ) -> None:
        self._root, self._config, self._size, self._scale = root, config, size, scale
        self._masks = masks
        self._decoders: list[_Decoder] = []
        self._selector = selectors.DefaultSelector()
        self._poll_seconds = min(_POLL_SECONDS, config.limits.max_seconds / 4)

    def close(self) -> None:
        """Ends the processes."""
        for one in list(self._decoders):
            self._remove(one)
        self._selector.close()

    def decode(self, requests: Iterable[decoder_process.Request]) -> Iterator[Found]:
        """Decodes files.

        Args:
          requests: consumed only as fast as they are processed.

        Yields:
          Each request and its answer, in the order of completion.

        Raises:
          errors.PipelineError: a decoder does not start.
        """
        again: deque[decoder_process.Request] = deque()
        source = iter(requests)
        while True:
            self._feed(source, again)
            busy = [one for one in self._decoders if one.requests]
            if not busy:
                return
            for key, _ in self._selector.select(self._poll_seconds):
                key.data.receive()
                found = key.data.answers()
                # The next requests first: decoders work while the caller processes the answers.
                self._feed(source, again)
                yield from found
            for one in busy:
                reason = self._fault(one)
                if not reason:
                    continue
                self._remove(one)
                if one.requests[0].careful:
                    blamed = one.requests.popleft()
                    # A crash may be a delayed effect of an earlier image.
                    crashed = reason == "decoder_crashed"
                    yield blamed, self._ask_alone(blamed) if crashed else self._rejected(reason)
                # Answers not yet sent are lost too: find the image that caused it.
                again += [dataclasses.replace(lost, careful=True) for lost in one.requests]

    def _ask_alone(self, request: decoder_process.Request) -> decoder_process.Answer:
        """Decodes one image in a new decoder, so that a crash can be attributed to it."""
        one = _Decoder(self._root, self._config, self._scale, self._masks)
        one.ask([request])
        with selectors.DefaultSelector() as selector:
            selector.register(one.stdout, selectors.EVENT_READ)
            found: list[Found] = []
            reason = None
            while not (found or reason):
                if selector.select(self._poll_seconds):
                    one.receive()
                found = one.answers()
                reason = None if found else self._fault(one)
        one.kill()
        return found[0][1] if found else self._rejected(reason or "")

    def _feed(
        self, source: Iterator[decoder_process.Request], again: deque[decoder_process.Request]
    ) -> None:
        """Refills the decoders' requests, and starts a decoder if there are too few."""
        for index in range(self._size):
            there = self._decoders[index] if index < len(self._decoders) else None
            room = _IN_FLIGHT - (len(there.requests) if there else 0)
            if there and room < _IN_FLIGHT // 2:
                continue
            requests: list[decoder_process.Request] = []
            while len(requests) < room:
                request = again.popleft() if again else next(source, None)
                if request is None:
                    break
                requests.append(request)
            if requests:
                (there or self._start()).ask(requests)

    def _start(self) -> _Decoder:
        one = _Decoder(self._root, self._config, self._scale, self._masks)
        self._decoders.append(one)
        self._selector.register(one.stdout, selectors.EVENT_READ, one)
        return one

    def _remove(self, one: _Decoder) -> None:
        self._selector.unregister(one.stdout)
        self._decoders.remove(one)
        one.kill()

    def _fault(self, one: _Decoder) -> str | None:
        """Returns why a decoder's current image will never be answered; None if it may be."""
        waited = time.monotonic() - one.since
        if not one.requests:
            return None
        if one.ready:
            if one.ended:
                return "decoder_crashed"
            return "too_slow" if waited > self._config.limits.max_seconds else None
        if one.ended or waited > START_SECONDS:
            code = one.process.poll()
            raise errors.PipelineError(
                f"An image decoder did not start (exit code {code}); the log has its output."
            )
        return None

    def _rejected(self, reason: str) -> decoder_process.Answer:
        seconds = self._config.limits.max_seconds
        detail = f"more than {seconds:g} s" if reason == "too_slow" else ""
        return decoder_process.Answer("", decode.Rejection(reason, detail))
