"""The bearer token: its file, the protected and the open paths, and that it is never printed."""

import base64
import json
import os
import stat
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import pytest

from serving import __main__ as command
from serving import errors
from serving.client import client
from serving.gateway import access, addresses, announcement
from tests.serving import served
from tests.serving.served import TOKEN, encoded

pytestmark = pytest.mark.xdist_group(served.GUARDED)

RIGHT = {"Authorization": f"Bearer {TOKEN}"}
CLOSED = [
    ("GET", "/v1/models/shapes"),
    ("GET", "/v1/models/shapes/metadata"),
    ("POST", "/v1/models/shapes:predict"),
    ("GET", "/v2"),
    ("GET", "/v2/models/shapes/config"),
    ("POST", "/v2/models/shapes/infer"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/health/live"),
    ("GET", "/v2/health/live/"),
    ("GET", "/page/about"),
    ("POST", "/page/predict"),
    ("POST", "/"),
    ("GET", "/nonsense"),
]
HELD_BACK = [
    ("POST", "/v2/repository/models/shapes/load", 404),
    ("POST", "/v2/models/shapes/trace/setting", 404),
    ("POST", "/v2/models/shapes%2Ftrace%2Fsetting", 404),
    ("POST", "/v2/logging", 404),
    ("GET", "/v2/models/other/config", 404),
    ("GET", "/v2/models/shapes/infer", 405),
    ("DELETE", "/v2/models/shapes", 405),
]


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def ask(server, method, path, headers=RIGHT, body=b"{}"):
    """Sends a request; returns status, JSON and headers."""
    url = server.address["rest"] + path
    body = body if method == "POST" else None
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, response.read(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers


def test_white_space_around_a_token_does_not_count(tmp_path):
    token = access.read(written(tmp_path, f" \n{TOKEN}\r\n".encode()))
    assert token.headers() == RIGHT
    assert not token.exposed
    assert TOKEN not in f"{token} {token!r}"
    assert access.read(written(tmp_path, TOKEN.encode(), 0o644)).exposed
    assert not access.read(written(tmp_path, TOKEN.encode(), 0o640)).exposed


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has 0 characters; at least 16 are needed. `openssl rand"),
        (b"too-short-secret"[:15], "has 15 characters"),
        (b"one-secret-token\nanother-secret-token", "has characters other than letters, digits"),
        ("secret-with-ümlaut".encode(), "has characters other than letters, digits"),
        (b"\xff\xfe" + b"secret" * 4, "has characters other than letters, digits"),
        (b"secret" * 1000, "is larger than 4096 bytes"),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(tmp_path, content, sentence):
    with pytest.raises(errors.UserError) as raised:
        access.read(written(tmp_path, content))
    assert sentence in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_token_that_cannot_be_read(tmp_path):
    with pytest.raises(errors.UserError, match="token cannot be read: No such file"):
        access.read(tmp_path / "token")
    with pytest.raises(errors.UserError, match="cannot be read: Is a directory"):
        access.read(tmp_path)


@pytest.mark.parametrize(
    ("given", "admitted"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN} ", True),
        (None, False),
        ("", False),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN.lower()}", False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer \udcff", False),
    ],
)
def test_the_token_is_compared_letter_for_letter(given, admitted):
    assert access.Token(TOKEN).admits(given) is admitted


@served.needs_triton
@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_without_the_token_nothing_is_answered(guarded, method, path):
    for headers, challenge in (
        ({}, "Bearer"),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 'Bearer error="invalid_token"'),
    ):
        status, answer, head = ask(guarded, method, path, headers)
        assert (status, list(answer)) == (401, ["error"])
        assert "bearer token" in answer["error"]
        assert head["WWW-Authenticate"] == challenge


@served.needs_triton
def test_a_body_of_a_stranger_is_not_read(guarded):
    body = b"x" * (4 * served.MOST_BYTES)
    assert ask(guarded, "POST", "/page/predict", {}, body)[0] == 401
    assert ask(guarded, "POST", "/page/predict", RIGHT, body)[0] == 413


@served.needs_triton
@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready"])
def test_the_page_and_health_are_open(guarded, path):
    assert ask(guarded, "GET", path, {})[0] == 200


@served.needs_triton
@pytest.mark.parametrize(("method", "path", "expected"), HELD_BACK)
def test_what_changes_the_server_does_not_pass(guarded, method, path, expected):
    status, answer, _ = ask(guarded, method, path)
    assert (status, list(answer)) == (expected, ["error"])


@served.needs_triton
def test_with_the_token_both_protocols_answer_as_triton_does(guarded, tmp_path):
    images = [encoded(seed=seed) for seed in range(3)] + [b"junk"]
    token = access.read(written(tmp_path, TOKEN.encode()))
    with guarded.triton() as triton:
        expected = triton.predict(images)
    with client.Client(guarded.address["rest"], headers=token.headers()) as asked:
        assert asked.ready()
        found = asked.predict(images)
        assert asked.contract()["labels"][1] == served.HOSTILE
    assert [one.version for one in found] == ["5"] * 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
    body = {"instances": [{"b64": base64.b64encode(image).decode()} for image in images]}
    status, answer, _ = ask(
        guarded, "POST", "/v1/models/shapes:predict", RIGHT, json.dumps(body).encode()
    )
    assert status == 200
    assert [row["valid"] for row in json.loads(answer)["predictions"]] == [True] * 3 + [False]


@served.needs_triton
def test_predict_takes_the_token(guarded, tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(encoded())
    asking = ["predict", str(tmp_path / "a.jpg"), "--url", guarded.address["rest"]]
    assert command.main([*asking, "--token-file", str(written(tmp_path, TOKEN.encode()))]) == 0
    assert "model version 5" in capsys.readouterr().out
    assert command.main(asking) == 1
    assert "answered 401: A bearer token is needed" in capsys.readouterr().err
    wrong = f"{TOKEN[:-1]}x"
    assert command.main([*asking, "--token-file", str(written(tmp_path, wrong.encode()))]) == 1
    assert wrong not in capsys.readouterr().err


@served.needs_triton
def test_triton_is_this_user_s_alone_and_the_token_is_shown_nowhere(guarded):
    said = guarded.output()
    for name in ("http", "rest"):
        assert guarded.address[name].startswith("http://127.0.0.2:")
    assert guarded.address["metrics"].startswith("http://127.0.0.1:")
    for name in ("triton", "grpc"):
        path = Path(urllib.parse.unquote(guarded.address[name].removeprefix("unix:")))
        assert path.is_socket()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert said.count("gRPC is a Unix socket that only this user can reach") == 1
    assert f"page     {guarded.address['rest']}/\n" in said
    assert "Warning" not in said
    shown = [said.encode(), guarded.log_path().read_bytes()]
    for number in (guarded.process.pid, *guarded.children()):
        shown += [Path(f"/proc/{number}/{part}").read_bytes() for part in ("cmdline", "environ")]
    assert not any(TOKEN.encode() in content for content in shown)


@served.needs_triton
def test_triton_listens_nowhere_else(guarded):
    """Only metrics have a port, although AIP_MODE would make Triton open another one."""
    [triton] = [
        child
        for child in guarded.children()
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/tritonserver")
    ]
    sockets = {os.readlink(path) for path in Path(f"/proc/{triton}/fd").iterdir()}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{triton}/net/{name}").read_text().splitlines()[1:]
    ]
    listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    port = int(guarded.address["metrics"].split(":")[2].split("/")[0])
    assert listening == [f"0100007F:{port:04X}"]


@served.needs_triton
def test_grpc_answers_this_user_without_a_token(guarded):
    with grpc.insecure_channel(guarded.address["grpc"]) as channel:
        ready = channel.unary_unary("/inference.GRPCInferenceService/ModelReady")
        assert ready(b"\x0a\x06shapes", timeout=60) == b"\x08\x01"


@served.needs_triton
def test_nothing_of_a_hostile_tmpdir_runs(guarded):
    assert guarded.log_path().parent.parent.name.startswith("a b;$(touch hacked)")
    folders = {Path.cwd(), guarded.folder.parent, *guarded.log_path().parents}
    assert not [folder for folder in folders if (folder / "hacked").exists()]


@pytest.mark.parametrize(("folder", "warned"), [("x" * 80, False), ("x" * 120, True)])
def test_a_socket_that_no_client_reaches_is_told(folder, warned):
    said: list[str] = []
    with addresses.held(addresses.Wanted(addresses.LOOPBACK, 0, grpc_host=None)) as where:
        grpc_uri = f"unix:/tmp/{folder}/grpc.sock:1"
        server = announcement.Server("shapes", where, grpc_uri, "unix:/tmp/a", Path("log"))
        announcement.describe(server, Path("token"), access.Token(TOKEN), said.append)
    assert ("Warning: no client can reach gRPC" in "".join(said)) is warned
