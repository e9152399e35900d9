"""The reverse proxy, as a real nginx in front of a server that echoes its requests."""

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import manifest_files

TOKEN = "Secret-1._~+/="  # noqa: S105
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Told(http.server.BaseHTTPRequestHandler):
    """Answers every request with its path and the token that it received."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = {"path": self.path, "token": self.headers.get("Authorization")}
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path, text: str, port: int) -> Path:
    """Writes a configuration like the image's own nginx.conf, for use without root."""
    paths = " ".join(f"{name}_temp_path {folder / name};" for name in TEMPORARY)
    head = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{ }}"
    path = folder / "nginx.conf"
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    path.write_text(f"{head} http {{ access_log off; {paths}\n{text}\n}}")
    return path


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(NGINX), "-t", "-p", str(path.parent), "-c", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def values(upstream: int, token: str) -> dict[str, str]:
    address = f"127.0.0.1:{upstream}"
    return {
        "V1_UPSTREAM": address,
        "V2_UPSTREAM": address,
        "MAX_BODY_SIZE": "4k",
        "SERVING_TOKEN": token,
    }


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def opened(folder: Path, upstream: int, token: str) -> Iterator[str]:
    """Starts a reverse proxy; yields its URL."""
    port = free_port()
    text = manifest_files.render(manifest_files.REVERSE_PROXY.read_text(), values(upstream, token))
    path = configuration(folder, text, port)
    assert checked(path).returncode == 0
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(path)])
    try:
        deadline = time.monotonic() + 20
        # The check leaves an empty one.
        while not (folder / "pid").read_text():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module", params=[TOKEN, ""], ids=["token", "open"])
def proxy(request, upstream, tmp_path_factory) -> Iterator[tuple[str, str]]:
    """Returns the URL of a reverse proxy, and its token."""
    with opened(tmp_path_factory.mktemp("nginx"), upstream, request.param) as url:
        yield url, request.param


def ask(url: str, token: str = "", method: str = "GET", body: bytes | None = None, **more: str):
    """Sends a request; returns status, JSON and headers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
            return response.status, json.load(response), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers


PASSING = [
    ("GET", "/v1/models/digits"),
    ("GET", "/v1/models/digits/versions/1764000000/metadata"),
    ("POST", "/v1/models/digits:predict"),
    ("POST", "/v1/models/digits/labels/stable:predict"),
    ("GET", "/v2"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/digits/ready"),
    ("POST", "/v2/models/digits/versions/1764000000/infer"),
    ("POST", "/v2/repository/index"),
]
HELD_BACK = [
    ("GET", "/monitoring/prometheus/metrics", 404),
    ("GET", "/metrics", 404),
    ("GET", "/", 404),
    ("POST", "/v2/repository/models/digits/load", 404),
    ("POST", "/v2/models/digits/trace/setting", 404),
    ("POST", "/v2/models/digits%2Ftrace%2Fsetting", 404),
    ("POST", "/v2/logging", 404),
    ("POST", "/v1/models/digits/../../../v2/logging", 404),
    ("DELETE", "/v1/models/digits", 405),
    ("POST", "/v2/health/ready", 405),
]


def test_what_is_meant_for_clients_passes_without_the_token(proxy):
    url, token = proxy
    for method, path in PASSING:
        body = b"{}" if method == "POST" else None
        status, answer, _ = ask(url + path, token, method, body)
        assert (status, answer) == (200, {"path": path, "token": None})


@pytest.mark.parametrize(("method", "path", "expected"), HELD_BACK)
def test_all_else_is_held_back(proxy, method, path, expected):
    url, token = proxy
    status, answer, _ = ask(url + path, token, method, b"{}" if method == "POST" else None)
    assert status == expected and list(answer) == ["error"]


def test_the_token_is_compared_letter_for_letter(proxy):
    url, token = proxy
    for wrong in ("", TOKEN.lower(), TOKEN + "x", TOKEN[:-1]):
        status, answer, headers = ask(f"{url}/v1/models/digits", wrong)
        assert status == (401 if token else 200)
        if token:
            assert "bearer token" in answer["error"] and headers["WWW-Authenticate"] == "Bearer"


def test_a_large_request_is_refused_in_json(proxy):
    url, token = proxy
    ask_for = f"{url}/v1/models/digits:predict"
    assert ask(ask_for, token, "POST", b"x" * 4096)[0] == 200
    status, answer, _ = ask(ask_for, token, "POST", b"x" * 4097)
    assert (status, answer) == (413, {"error": "The request is larger than 4k."})


def test_a_compressed_request_is_refused(proxy):
    url, token = proxy
    ask_for = f"{url}/v1/models/digits:predict"
    assert ask(ask_for, token, "POST", b"{}", Content_Encoding="identity")[0] == 200
    for encoding in ("br", "gzip", "deflate", "gzip, identity"):
        status, answer, _ = ask(ask_for, token, "POST", b"x", Content_Encoding=encoding)
        assert (status, list(answer)) == (415, ["error"])
    if token:
        assert ask(ask_for, "", "POST", b"x", Content_Encoding="br")[0] == 401


def test_a_server_that_is_down_is_an_overload_to_the_client(tmp_path):
    with opened(tmp_path, free_port(), "") as url:
        status, answer, headers = ask(f"{url}/v2")
    assert status == 503 and headers["Retry-After"] == "1"
    assert answer == {"error": "The model server does not answer."}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("client_max_body_size", "client_max_bodysize"),
        ("proxy_read_timeout 65s;", "proxy_read_timeout 65s"),
        ("http://serving_v1", "http://serving-v1.invalid"),
        ("$known = 0", "$knwon = 0"),
        ("${V2_UPSTREAM}", "${V3_UPSTREAM}"),
    ],
)
def test_a_slip_is_seen(right, wrong, tmp_path):
    text = manifest_files.REVERSE_PROXY.read_text()
    assert right in text
    # As the image does it: names that are not in the environment are left unchanged.
    known = {"V3_UPSTREAM": "${V3_UPSTREAM}", **values(9, "")}
    text = manifest_files.render(text.replace(right, wrong), known)
    result = checked(configuration(tmp_path, text, free_port()))
    assert result.returncode != 0 and "emerg" in result.stderr
