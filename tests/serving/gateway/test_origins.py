"""The host names of a server, and the origins of web pages that may send requests."""

import contextlib
import http.client
import json
import socket

import pytest

from serving import errors
from serving.gateway import origins
from tests.serving import served
from tests.serving.served import TOKEN

pytestmark = pytest.mark.xdist_group(served.GUARDED)

HOST = "127.0.0.1:8501"
ALL = "0.0.0.0"  # noqa: S104


def refused(host, origin=None, site=None, method="POST", listens="127.0.0.1", allowed=()):
    given = {"Origin": origin, "Sec-Fetch-Site": site}
    headers = {name: value for name, value in given.items() if value is not None}
    return origins.Hosts(listens, allowed).refusal(method, [host], headers) is not None


@pytest.mark.parametrize(
    ("host", "listens", "answered"),
    [
        ("localhost:8501", "127.0.0.1", True),
        ("LOCALHOST.", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.8.0.1:1", "127.0.0.1", True),
        ("[::1]:8501", "127.0.0.1", True),
        ("[0:0:0:0:0:0:0:1]", "::1", True),
        ("192.0.2.7:8501", "192.0.2.7", True),
        ("192.0.2.8:8501", "192.0.2.7", False),
        ("192.0.2.8:8501", ALL, True),
        ("[2001:db8::1]:8501", "::", True),
        (socket.gethostname(), ALL, True),
        (socket.gethostname() + ".evil.example", ALL, False),
        ("evil.example:8501", ALL, False),
        ("evil.example", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("localhost@evil.example", "127.0.0.1", False),
        ("evil.example#@localhost", "127.0.0.1", False),
        ("localhost/../evil", "127.0.0.1", False),
        ("localhost:port", "127.0.0.1", False),
        ("[::1", "127.0.0.1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_a_name_is_known_or_not(host, listens, answered):
    for method in ("GET", "POST"):
        assert refused(host, method=method, listens=listens) is not answered


def test_names_may_be_added():
    allowed = origins.parse("models.example.org, 192.0.2.9,[2001:db8::2]")
    for host in ("Models.Example.org:443", "192.0.2.9", "[2001:db8:0::2]:8501"):
        assert refused(host)
        assert not refused(host, allowed=allowed)
    assert refused("other.example.org", allowed=allowed)
    assert not refused("other.example.org", allowed=origins.parse("*"))
    assert origins.parse("") == ()


@pytest.mark.parametrize("text", ["http://a.example", "a.example:80", "a b", "*.example", "a/b"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(errors.UserError, match="--allowed-hosts has "):
        origins.parse(text)


def test_a_request_has_one_host():
    hosts = origins.Hosts("127.0.0.1")
    assert "0 hosts" in hosts.refusal("GET", [], {})
    assert "2 hosts" in hosts.refusal("GET", ["localhost", "localhost"], {})


@pytest.mark.parametrize(
    ("origin", "site", "answered"),
    [
        (None, None, True),  # no browser
        (None, "none", True),  # typed
        (f"http://{HOST}", "same-origin", True),
        (f"http://{HOST}", None, True),
        (f"https://{HOST}", "same-origin", True),  # TLS ends before the server
        ("null", None, False),
        ("null", "same-origin", False),
        ("http://evil.example", None, False),
        ("http://evil.example", "same-origin", False),
        ("http://127.0.0.1:3000", "same-site", False),
        (f"http://{HOST}", "cross-site", False),
        (None, "cross-site", False),
        (None, "same-site", False),
        (None, "nonsense", False),
        ("http://[", None, False),
    ],
)
def test_the_model_is_asked_by_its_own_page_alone(origin, site, answered):
    assert refused(HOST, origin, site) is not answered
    # A link from another page may lead here: what is only read, that page does not see.
    assert not refused(HOST, origin, site, method="GET")


def test_pages_of_names_that_were_added_may_ask():
    allowed = ("app.example.org",)
    assert not refused(HOST, "https://app.example.org", "cross-site", allowed=allowed)
    assert refused(HOST, "https://evil.example", "cross-site", allowed=allowed)
    assert refused(HOST, None, "cross-site", allowed=allowed)
    assert refused(HOST, "https://evil.example", "cross-site", allowed="*")


@served.needs_triton
@pytest.mark.parametrize("api", ["http", "rest"])
@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"Host": "evil.example"}, "'evil.example' is not a host name of this server"),
        ({"Origin": "http://evil.example"}, "pages of other origins"),
        ({"Sec-Fetch-Site": "cross-site"}, "pages of other origins"),
    ],
)
def test_a_stranger_s_page_is_not_answered(guarded, api, headers, sentence):
    address = guarded.address[api].removeprefix("http://")
    headers = {"Authorization": f"Bearer {TOKEN}", **headers}

    def ask(method, path):
        with contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            connection.request(method, path, b"{}", headers)
            with connection.getresponse() as response:
                return response.status, response.read()

    for path in (
        "/v1/models/shapes:predict",
        "/v2/models/shapes/infer",
        "/v2/repository/index",
        "/page/predict",
    ):
        status, answer = ask("POST", path)
        assert status == 403
        assert sentence in json.loads(answer)["error"]
    assert ask("GET", "/v2/health/live")[0] == 200
    assert ask("GET", "/page/about")[0] == (403 if "Host" in headers else 200)
    assert ask("GET", "/")[0] == (403 if "Host" in headers else 200)
