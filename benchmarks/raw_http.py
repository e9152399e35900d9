"""HTTP without a library between: what libraries would never send, and what comes back."""

import socket
from dataclasses import dataclass

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Outcome:
    """What a server did with bytes.

    Attributes:
      status: of its first answer; 0: it closed the connection without one; -1: nothing came in
        time.
      body: of that answer.
    """

    status: int
    body: bytes = b""


def request(
    method: str, path: str, headers: dict[str, str], body: bytes, stated_length: int | None
) -> bytes:
    """A request as it goes over the wire; nothing of it is checked.

    Args:
      method: any text.
      path: likewise.
      headers: beside Host and Content-Length.
      body: as it is sent.
      stated_length: the Content-Length; None: there is none.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if stated_length is not None:
        lines.append(f"Content-Length: {stated_length}")
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + _END_OF_HEAD + body


def send(host: str, port: int, content: bytes, finished: bool, timeout_s: float) -> Outcome:
    """Sends bytes over a connection of their own.

    Args:
      host: the server's.
      port: likewise.
      content: the bytes.
      finished: whether the server is told that nothing more will come.
      timeout_s: for every wait.
    """
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        try:
            connection.sendall(content)
            if finished:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered already
        received = b""
        try:
            bodiless = content.startswith(b"HEAD ")
            while not _whole(received, bodiless) and (part := connection.recv(1 << 16)):
                received += part
        except TimeoutError:
            return Outcome(-1, received)
        except ConnectionResetError:
            pass
    return _outcome(received)


def _whole(received: bytes, bodiless: bool) -> bool:
    head, separator, body = _answer(received).partition(_END_OF_HEAD)
    if not separator:
        return False
    if bodiless:
        return True
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False


def _answer(received: bytes) -> bytes:
    """Without the 100 Continue that may come before it."""
    return received.partition(_END_OF_HEAD)[2] if received[9:12] == b"100" else received


def _outcome(received: bytes) -> Outcome:
    head, _, body = _answer(received).partition(_END_OF_HEAD)
    words = head.split(b" ", 2)
    return Outcome(int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, body)
