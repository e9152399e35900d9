"""Client of a served image model, over the Open Inference Protocol v2.

    with client.Client("http://127.0.0.1:8000") as connection:
        [prediction] = connection.predict([Path("cat.jpg").read_bytes()])
    print(prediction.label, prediction.score)

It requires only NumPy. A prediction changes nothing on the server, so transient errors are
retried. Dimension letters: B batch, K classes.
"""

import random
import struct
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from serving import errors, read_back
from serving.client import predicted, protocol, transport

IMAGE_INPUT = "image_bytes"
Kind = TypeVar("Kind", list[Any], dict[str, Any])
CONTRACT = "contract"
MAX_CHUNK_BYTES = 16 << 20


@dataclass(frozen=True)
class Retries:
    """The retry policy for failed requests.

    Attributes:
      attempts: maximum attempts, the first included.
      first_wait_s: the longest wait before the second attempt; doubled for each further one.
        The waits are drawn uniformly between 0 and the longest (full jitter: AWS Architecture
        Blog, "Exponential Backoff And Jitter").
      max_wait_s: the longest wait, even if the server requests a longer one.
    """

    attempts: int = 4
    first_wait_s: float = 0.1
    max_wait_s: float = 5.0


class Client:
    """A client of one server; a context manager that is safe for several threads.

    Args:
      url: such as http://127.0.0.1:8000.
      model: the model's name; may be omitted if the server has only one.
      version: the model's version; None: the served version.
      timeout_s: how long each attempt may wait for the network.
      retries: the retry policy for transient errors.
      headers: sent with every request, such as the token of ``access.read(path).headers()``.
      send: the transport.
      sleep: waits a number of seconds.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        version: int | None = None,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
        headers: Mapping[str, str] | None = None,
        send: transport.Transport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise errors.UserError(f"The URL is {url!r}; it must be like http://127.0.0.1:8000.")
        self.url = url.rstrip("/")
        self.version = version
        self._model = model
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._headers = dict(headers or {})
        self._send = send or transport.HttpTransport()
        self._sleep = sleep
        self._max_batch: int | None = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept; the client may be used on."""
        if isinstance(self._send, transport.HttpTransport):
            self._send.close()

    @property
    def model(self) -> str:
        """Returns the model's name; if none was given, requests it from the server.

        Raises:
          errors.UserError: the server has several.
          errors.RequestError: as :meth:`infer`.
        """
        if self._model is None:
            names = sorted({str(entry["name"]) for entry in self.index()})
            if len(names) != 1:
                raise errors.UserError(
                    f"{self.url} serves {', '.join(names) or 'no model'}; name one of them."
                )
            self._model = names[0]
        return self._model

    def predict(self, images: Sequence[bytes]) -> list[predicted.Prediction]:
        """Classifies encoded images; an unreadable one is not valid and does not affect the others.

        Raises:
          errors.RequestError: as :meth:`infer`.
        """
        answers = self._answers(images, "serving_default")
        try:
            return [one for answer in answers for one in predicted.of_answer(answer)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"{self.url} serves no image classifier ({error!r})."
            raise errors.FaultError(message, self.url) from error

    def infer(
        self, images: Sequence[bytes], signature: str, outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Runs a signature on encoded images and returns its outputs, each [B, …].

        Args:
          images: B images; sent in parts if there are more than the server accepts at once.
          signature: such as serving_default, embed or explain.
          outputs: names of the outputs to return; empty: all.

        Raises:
          errors.RequestError: see the tree in errors.py.
        """
        parts = [answer.outputs for answer in self._answers(images, signature, outputs)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def contract(self) -> dict[str, Any]:
        """Returns the contract of the served version: labels, image size, signatures.

        Raises:
          errors.RequestError: as :meth:`infer`.
        """
        [text] = self.infer([b""], CONTRACT, [CONTRACT])[CONTRACT]
        return self._understood(text, dict)

    def ready(self) -> bool:
        """Returns whether the model is ready; false if the server is unreachable. Does not retry."""
        request = self._request("GET", f"{self._path()}/ready")
        try:
            return self._send(request).status == 200
        except errors.RequestError:
            return False

    def index(self) -> list[dict[str, Any]]:
        """Returns the server's models and versions: name, version, state and reason."""
        return self._understood(self._call("POST", "/v2/repository/index").body, list)

    def config(self, version: int | None = None) -> dict[str, Any]:
        """Returns the server's configuration of a loaded version of the model."""
        path = f"{self._path(version)}/config"
        return self._understood(self._call("GET", path).body, dict)

    def _understood(self, content: bytes | str, kind: type[Kind]) -> Kind:
        try:
            found = read_back.parse(content)
        except ValueError as error:
            found = error
        if isinstance(found, kind):
            return found
        raise errors.FaultError(
            f"{self.url} did not return the expected JSON: {found!r:.200}", self.url
        )

    def _answers(
        self, images: Sequence[bytes], signature: str, outputs: Sequence[str] = ()
    ) -> list[protocol.Answer]:
        if not images:
            raise errors.UserError("There is no image to send; at least one is needed.")
        return [
            answer
            for chunk in self._chunks(images)
            for answer in self._halved(chunk, signature, outputs)
        ]

    def _halved(
        self, images: Sequence[bytes], signature: str, outputs: Sequence[str]
    ) -> list[protocol.Answer]:
        """Sends a chunk, in halves if it has too many pixels or values, and returns the answers."""
        try:
            return [self._answer(images, signature, outputs)]
        except errors.TooLargeError:
            if len(images) == 1:
                raise
        parts = (images[: len(images) // 2], images[len(images) // 2 :])
        return [one for part in parts for one in self._halved(part, signature, outputs)]

    def _answer(
        self, images: Sequence[bytes], signature: str, outputs: Sequence[str]
    ) -> protocol.Answer:
        parameters = {"signature": signature}
        body, headers = protocol.request(IMAGE_INPUT, images, outputs, parameters)
        path = f"{self._path()}/infer"
        response = self._call("POST", path, body, headers)
        try:
            length = response.headers.get(protocol.HEADER_LENGTH.lower(), len(response.body))
            answer = protocol.answer(response.body, int(length))
            if any(len(values) != len(images) for values in answer.outputs.values()):
                raise ValueError(f"not {len(images)} items")
            return answer
        except (KeyError, TypeError, ValueError, struct.error) as error:
            message = f"The response of {self.url} cannot be understood ({error!r})."
            raise errors.FaultError(message, self.url + path) from error

    def _chunks(self, images: Sequence[bytes]) -> list[list[bytes]]:
        """Splits images into chunks that the server accepts at once, by number and bytes."""
        if len(images) > 1 and self._max_batch is None:
            self._max_batch = max(1, int(self.config()["max_batch_size"]))
        chunks: list[list[bytes]] = [[]]
        size_bytes = 0
        for image in images:
            size_bytes += len(image)
            full = len(chunks[-1]) == self._max_batch or size_bytes > MAX_CHUNK_BYTES
            if chunks[-1] and full:
                chunks.append([])
                size_bytes = len(image)
            chunks[-1].append(image)
        return chunks

    def _path(self, version: int | None = None) -> str:
        version = self.version if version is None else version
        end = "" if version is None else f"/versions/{version}"
        return f"/v2/models/{urllib.parse.quote(self.model, safe='')}{end}"

    def _request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> transport.Request:
        headers = {**self._headers, **(headers or {})}
        return transport.Request(method, self.url + path, headers, body, self._timeout_s)

    def _call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> transport.Response:
        """Sends a request until it gets 200, a permanent error, or the attempts are used up."""
        request = self._request(method, path, body, headers)
        longest_s = self._retries.first_wait_s
        for attempt in range(1, self._retries.attempts + 1):
            try:
                response = self._send(request)
                if response.status == 200:
                    return response
                raise transport.error(response, request.url)
            except errors.RequestError as error:
                if not error.retryable or attempt == self._retries.attempts:
                    raise
                wait_s = max(random.uniform(0, longest_s), error.retry_after_s or 0)  # noqa: S311
                self._sleep(min(wait_s, self._retries.max_wait_s))
                longest_s *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")
