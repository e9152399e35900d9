"""Notifications to a real server on this machine and to a real command."""

import http.server
import json
import sys
import threading

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
    ],
)
def test_a_command_that_fails(command, problem):
    settings = config.NotifyConfig(command=list(command), timeout_s=5 if "mail" in problem else 0.2)
    (found,) = notify.deliver(PAYLOAD, settings)
    assert problem in found
