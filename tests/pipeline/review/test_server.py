"""Requests to the page of a review: who may ask, what is refused, what is answered."""

import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from PIL import Image

from data.corrections.decisions import Action
from pipeline.review import server
from serving.gateway import page_policy
from tests.pipeline.review.pets import Running, pets, running


@pytest.fixture
def open_review(tmp_path) -> Iterator[Running]:
    with running(pets(tmp_path)) as one:
        yield one


def test_nothing_but_the_page_s_own_script_and_style_may_run(open_review):
    html = server.PAGE.read_text(encoding="utf-8")
    with urllib.request.urlopen(f"{open_review.url}/") as answer:  # noqa: S310
        assert answer.read().decode() == html
        policy = answer.headers["Content-Security-Policy"]
    assert policy == page_policy.policy(html)
    assert policy.count("'sha256-") == html.count("<script") + html.count("<style") == 2
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in html
    assert not re.search(r'\s(on\w+|style)="', html)


def test_who_may_ask(open_review):
    assert open_review.ask("/api/about")[0] == 200
    assert open_review.ask("/api/about", Authorization="")[0] == 401
    assert open_review.ask("/api/about", Authorization="Bearer wrong")[0] == 401
    assert open_review.ask("/api/about", Host="evil.example")[0] == 403
    assert open_review.ask("/", Host="evil.example")[0] == 403
    for headers in ({"Origin": "http://evil.example"}, {"Sec-fetch-site": "cross-site"}):
        assert open_review.ask("/api/undo", b"{}", **headers)[0] == 403
    own = open_review.url
    assert open_review.ask("/api/undo", b"{}", Origin=own)[0] == 400  # nothing to undo
    assert open_review.ask("/nothing")[0] == 404
    assert open_review.ask("/nothing", Authorization="")[0] == 401


def test_a_review_over_http(open_review):
    _, about = open_review.ask("/api/about")
    assert [one["id"] for one in about["queues"]] == ["labels", "conflicts", "near", "outliers"]
    assert about["explains"] and about["steps"] == 0
    _, found = open_review.ask("/api/cases?queue=labels&limit=2")
    assert (found["total"], len(found["cases"])) == (3, 2)
    number = found["cases"][0]["images"][0]["number"]
    status, picture = open_review.ask(f"/api/image?number={number}&side=64")
    with Image.open(io.BytesIO(picture)) as drawn:
        assert (status, drawn.format, drawn.size) == (200, "JPEG", (64, 48))
    assert open_review.ask(f"/api/heat?number={number}")[1]["values"] == [0, 255]
    body = {"queue": "labels", "place": 0, "action": "relabel", "new": ["cow"]}
    status, case = open_review.ask("/api/decide", json.dumps(body).encode())
    assert status == 200 and case["images"][0]["decision"]["new"] == ["cow"]
    (made,) = open_review.session.project.log.read()
    assert (made.action, made.new) == (Action.RELABEL, ("cow",))
    assert open_review.ask("/api/undo", b"")[1] == {"steps": 0}
    assert open_review.session.project.log.read() == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/cases?queue=labels&limit=51", None, 400),
        ("/api/cases?queue=labels&offset=-1", None, 400),
        ("/api/cases?queue=labels&offset=99999999999999", None, 400),
        ("/api/cases?queue=labels&label=horse", None, 400),
        ("/api/cases?queue=other", None, 400),
        ("/api/image?number=x", None, 400),
        ("/api/image?number=12", None, 400),
        ("/api/image?number=0&side=2000", None, 400),
        ("/api/decide", b"", 400),
        ("/api/decide", b"{", 400),
        ("/api/decide", b"[" * 60_000, 400),
        ("/api/decide", b"[]", 400),
        ("/api/decide", b'{"queue": "labels", "place": "0", "action": "keep"}', 400),
        ("/api/decide", b'{"queue": "labels", "place": 0, "action": "burn"}', 400),
        ("/api/decide", b'{"queue": "labels", "place": 0, "action": "keep", "x": 1}', 400),
        ("/api/decide", b'{"queue": "labels", "place": 9, "action": "keep"}', 400),
        ("/api/decide", b" " * (server.MOST_BODY_BYTES + 1), 413),
        ("/api/about", b"{}", 405),
    ],
)
def test_what_is_refused(open_review, path, body, status):
    found, answer = open_review.ask(path, body)
    assert found == status and answer["error"]
    assert open_review.session.project.log.read() == []


def test_a_file_that_changed_is_not_shown(open_review):
    (open_review.root / "3.jpg").write_bytes(b"other")
    (open_review.root / "4.jpg").unlink()
    for number in (3, 4):
        assert open_review.ask(f"/api/image?number={number}")[0] == 404
