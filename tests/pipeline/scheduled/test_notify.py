"""Notifications to a real server on this machine and to a real command."""

import contextlib
import http.server
import json
import socket
import sys
import threading
import time

import pytest

from pipeline.scheduled import config, notify

PAYLOAD = {"event": "release", "text": "flowers: Released: größer", "version": "7"}


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[dict, dict]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/SECRET"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def webhook():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_webhook(webhook):
    assert notify.deliver(PAYLOAD, config.NotifyConfig(webhook=webhook.url)) == []
    ((headers, body),) = webhook.received
    assert body == PAYLOAD
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers


def test_secrets_come_from_the_environment(webhook, monkeypatch):
    monkeypatch.setenv("HOOK", webhook.url)
    monkeypatch.setenv("TOKEN", "hush")
    settings = config.NotifyConfig(webhook_variable="HOOK", token_variable="TOKEN")  # noqa: S106 (a name)
    assert "SECRET" not in repr(settings)
    assert notify.deliver(PAYLOAD, settings) == []
    assert webhook.received[0][0]["Authorization"] == "Bearer hush"


@pytest.mark.parametrize("status", [500, 404, 301, 307])
def test_a_webhook_that_does_not_take_it(webhook, monkeypatch, status):
    webhook.status = status
    (problem,) = notify.deliver(PAYLOAD, config.NotifyConfig(webhook=webhook.url))
    assert problem.startswith(f"The webhook answered {status}")
    assert "SECRET" not in problem
    assert len(webhook.received) == 1  # no redirect is followed


def test_a_webhook_that_is_not_there(webhook):
    url = webhook.url
    webhook.server_close()
    (problem,) = notify.deliver(PAYLOAD, config.NotifyConfig(webhook=url))
    assert "could not be reached" in problem
    assert "SECRET" not in problem


class Odd:
    """A server that reads a request and answers with any bytes, one piece at a time."""

    def __init__(self, pieces, pause_s: float = 0.0) -> None:
        self._pieces, self._pause_s = pieces, pause_s
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/hooks/SECRET"
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._thread.join(10)

    def _answer(self) -> None:
        connection, _ = self._socket.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            for piece in self._pieces:
                connection.sendall(piece)
                time.sleep(self._pause_s)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "could not be reached: BadStatusLine"),
        (
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
            "could not be reached: LineTooLong",
        ),
        (
            b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
            "could not be reached: HTTPException",
        ),
        (b"HTTP/1.1 999999999 x\r\n\r\n", "could not be reached: BadStatusLine"),
        (b"", "could not be reached"),
        (b"\xff\x00" * 50, "could not be reached"),
        (b"HTTP/1.1 500 /hooks/ \x1b[31m\xffhush\r\n\r\n", "The webhook answered 500"),
    ],
    ids=["banner", "header", "headers", "status", "nothing", "bytes", "phrase"],
)
def test_an_odd_answer_is_one_line(answer, problem, monkeypatch):
    monkeypatch.setenv("TOKEN", "hush")
    with Odd([answer]) as server:
        settings = config.NotifyConfig(webhook=server.url, token_variable="TOKEN")  # noqa: S106
        (found,) = notify.deliver(PAYLOAD, settings)
    assert problem in found
    assert found.isprintable()
    assert "SECRET" not in found and "hush" not in found


def test_what_was_taken_is_taken_whatever_follows_the_status():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n"
    with Odd([head]) as server:
        assert notify.deliver(PAYLOAD, config.NotifyConfig(webhook=server.url)) == []


def test_a_webhook_that_drips_is_given_up_in_time():
    start = time.monotonic()
    with Odd([b"HTTP/1.1 200 OK\r\n", *[b"X"] * 400], pause_s=0.05) as server:
        (problem,) = notify.deliver(PAYLOAD, config.NotifyConfig(webhook=server.url, timeout_s=1))
        assert time.monotonic() - start < 5
    assert problem == "The webhook took more than 1 s."


def test_names_of_any_bytes_are_told(webhook):
    payload = {**PAYLOAD, "text": "class \udcff"}
    assert notify.deliver(payload, config.NotifyConfig(webhook=webhook.url)) == []
    assert webhook.received[0][1] == payload


def test_a_command_takes_json_on_stdin(tmp_path):
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    path = tmp_path / "a file; rm"
    settings = config.NotifyConfig(command=[sys.executable, "-c", code, str(path)])
    assert notify.deliver(PAYLOAD, settings) == []
    assert json.loads(path.read_text(encoding="utf-8")) == PAYLOAD


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ((sys.executable, "-c", "import sys; sys.exit('no mail today')"), "code 1. no mail today"),
        (("no-such-program",), "could not be run: No such file"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "took more than 0.2 s"),
        (("sh", "-c", "sleep 60 & sleep 60"), "took more than 0.2 s"),
    ],
)
def test_a_command_that_fails(command, problem):
    settings = config.NotifyConfig(command=list(command), timeout_s=5 if "mail" in problem else 0.2)
    (found,) = notify.deliver(PAYLOAD, settings)
    assert problem in found
