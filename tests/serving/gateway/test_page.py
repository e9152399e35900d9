"""The page, in a real browser with the real server."""

import base64
import io
import json
import re
import urllib.request

import numpy as np
import pytest
from PIL import Image

from serving.gateway import page, page_policy
from tests import browser
from tests.models import LABELS, SIZE
from tests.serving import served
from tests.serving.gateway import dropping
from tests.serving.served import HOSTILE, MOST_BYTES, TOKEN, encoded

pytestmark = pytest.mark.xdist_group(served.GUARDED)

chromium = browser.chromium

ALPHA = """canvas => [...canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data].filter((_, place) => place % 4 === 3)"""


def test_a_heat_map_in_bytes():
    found = page.heatmap(np.array([[0, 0.5, 1], [2, -1, 0.2]], np.float32))
    assert (found["width"], found["height"]) == (3, 2)
    assert [*base64.b64decode(found["values"])] == [0, 128, 255, 255, 0, 51]


def test_nothing_but_the_page_s_own_script_and_style_may_run():
    html = page.FILE.read_text(encoding="utf-8")
    policy = page_policy.policy(html)
    assert policy.count("'sha256-") == html.count("<script") + html.count("<style") == 2
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in html
    assert not re.search(r'\s(on\w+|style)="', html)
    assert "//" not in re.sub(r"^\s*//.*$|http://www.w3.org/2000/svg", "", html, flags=re.M)


@pytest.fixture
def open_page(chromium, guarded):
    with dropping.opening(chromium, guarded.address["rest"], TOKEN) as open_:
        yield open_


def asked(server, image, signature):
    """Returns the prediction of TensorFlow Serving's API for an image."""
    body = {
        "signature_name": signature,
        "instances": [{"b64": base64.b64encode(image).decode()}],
    }
    request = urllib.request.Request(  # noqa: S310
        f"{server.address['rest']}/v1/models/shapes:predict",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.load(response)["predictions"][0]


@pytest.fixture(scope="module")
def photo(guarded):
    """Returns the first image with a heat map: with random weights some are empty."""
    images = (encoded(seed=seed) for seed in range(20))
    return next(one for one in images if np.max(asked(guarded, one, "explain")["heatmap"]) == 1)


@served.needs_triton
def test_images_are_dropped_and_what_the_api_says_is_shown(open_page, guarded, photo):
    tab = open_page()
    dropping.drop(tab, photo=photo, broken=b"junk")
    good, bad = (
        tab.get_by_role("listitem", name="photo"),
        tab.get_by_role("listitem", name="broken"),
    )
    expected = asked(guarded, photo, "serving_default")
    labels = [LABELS[0], HOSTILE, LABELS[2]]
    rows = sorted(zip(expected["probabilities"], labels, strict=True), reverse=True)
    assert good.locator(".label").all_inner_texts() == [label for _, label in rows]
    assert good.locator(".value").all_inner_texts() == [f"{share:.1%}" for share, _ in rows]
    widths = good.locator(".fill").evaluate_all(
        "all => all.map(one => one.offsetWidth / one.parentNode.offsetWidth)"
    )
    np.testing.assert_allclose(widths, [share for share, _ in rows], atol=0.01)
    assert good.get_by_text("shapes, version 5", exact=True).is_visible()
    assert tab.get_by_text("Version 5 answers.", exact=True).is_visible()
    assert tab.locator("img[src=x]").count() == 0
    assert tab.title() == "shapes"

    assert bad.get_by_text("The model cannot read this image").is_visible()
    assert bad.locator(".bars li").count() == 0
    assert not bad.get_by_text("unlike the training images").is_visible()
    assert bad.locator("canvas").count() == 0

    heat = np.array(asked(guarded, photo, "explain")["heatmap"])
    alpha = np.reshape(good.locator("canvas").evaluate(ALPHA), [SIZE, SIZE])
    assert alpha.max() > 100
    assert heat.flat[alpha.argmax()] > 0.99
    assert np.corrcoef(alpha.ravel(), np.sqrt(heat).ravel())[0, 1] > 0.99


@served.needs_triton
def test_the_page_asks_for_the_token_and_keeps_it_in_this_tab_alone(open_page, photo):
    tab = open_page(token=None)
    dialog = tab.get_by_role("dialog", name="This server requires a token")
    dialog.wait_for()
    for wrong in ("wrong-token-0123456789", TOKEN[:-1]):
        tab.keyboard.type(wrong)
        tab.keyboard.press("Enter")
        dialog.get_by_text("This is not the server's token.").wait_for()
    tab.keyboard.press("Escape")
    assert not dialog.is_visible()
    tab.get_by_text("This server requires its token.").wait_for()
    tab.get_by_role("button", name="Try again").click()
    dialog.wait_for()
    tab.keyboard.type(TOKEN)
    tab.keyboard.press("Enter")
    tab.get_by_text("Version 5 answers.").wait_for()
    assert not dialog.is_visible()
    dropping.drop(tab, photo=photo)
    assert tab.get_by_text("shapes, version 5").is_visible()
    tab.reload()
    tab.get_by_text("Version 5 answers.").wait_for()
    assert not dialog.is_visible()
    kept = tab.evaluate(
        "[sessionStorage.length, localStorage.length, document.cookie, location.href]"
    )
    assert kept == [1, 0, "", tab.url]
    assert TOKEN not in tab.url


@served.needs_triton
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(open_page, photo, scheme):
    tab = open_page(browser.PHONE_PX, scheme)
    dropping.drop(tab, **{"a" * 200: photo, "broken": b"junk"})
    assert tab.evaluate(browser.OVERFLOW) <= 0
    assert tab.get_by_role("status").bounding_box()["width"] <= browser.PHONE_PX
    paper, ink = tab.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour))) for colour in (paper, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")


@served.needs_triton
def test_only_what_is_too_large_is_reduced(open_page, photo):
    noise = np.random.default_rng(0).integers(0, 256, (700, 980, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    tab = open_page()
    dropping.drop(tab, small=photo, large=buffer.getvalue(), junk=b"x" * (MOST_BYTES + 1))
    card = {name: tab.get_by_role("listitem", name=name) for name in ("small", "large", "junk")}
    assert not card["small"].locator(".reduced").is_visible()
    said = card["large"].locator(".reduced").inner_text()
    sizes = re.fullmatch(
        r"Reduced here from 2\.1 MB to (\d+) kB and from 980 × 700 to (\d+) × (\d+) pixels: the"
        r" server accepts up to 400 kB\.",
        said,
    )
    size_kb, width, height = map(int, sizes.groups())
    assert 490 < width < 980 and abs(width / height - 1.4) < 0.01 and 100 < size_kb <= 400
    assert card["large"].locator(".bars li").count() == 3
    assert "Too large for the server." in card["junk"].locator(".state").inner_text()
    assert card["junk"].get_by_role("button", name="Try again").is_visible()


@served.needs_triton
def test_a_busy_server_is_asked_again_and_a_lost_one_is_told(open_page, photo):
    tab = open_page()
    tab.get_by_text("Version 5 answers.").wait_for()
    busy = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"error": "256 are waiting"}}
    tab.route("**/page/predict*", lambda route: route.fulfill(**busy), times=1)
    tab.dispatch_event("main", "drop", {"dataTransfer": dropping.data(tab, {"photo": photo})})
    tab.get_by_text("The server is overloaded; trying again in 1 s …").wait_for()
    dropping.answered(tab, 1)
    assert tab.locator(".bars li").count() == 3
    tab.context.set_offline(True)
    dropped = dropping.data(tab, {"second": photo, "third": photo})
    tab.dispatch_event("main", "drop", {"dataTransfer": dropped})
    dropping.answered(tab, 3)
    second = tab.get_by_role("listitem", name="second")
    assert "The server does not answer" in second.locator(".state").inner_text()
    tab.context.set_offline(False)
    second.get_by_role("button", name="Try again").click()
    second.get_by_text("shapes, version 5").wait_for()


LABELLED = {
    "display": "label_bars", "model": "shapes", "version": "5", "valid": True, "outlier": False,
    "invalid_reason": "", "invalid_meaning": "", "class_count": 4,
    "classes": [
        {"label": HOSTILE, "probability": 0.3, "threshold": 0.2, "chosen": True},
        {"label": "sharp", "probability": 0.6, "threshold": 0.7, "chosen": False},
        {"label": "new", "probability": 0.1, "threshold": None, "chosen": False},
    ],
}  # fmt: skip


@served.needs_triton
@pytest.mark.parametrize(
    ("change", "rest"),
    [
        ({}, "1 label over its threshold; 1 more label below."),
        (
            {"classes": LABELLED["classes"][1:], "class_count": 2},
            "No label is over its threshold.",
        ),
        ({"display": "hologram"}, "This page cannot draw the answers of this version"),
    ],
)
def test_labels_are_bars_with_their_thresholds(open_page, photo, change, rest):
    tab = open_page()
    content = LABELLED | change
    tab.route("**/page/predict*", lambda route: route.fulfill(json=content))
    dropping.drop(tab, photo=photo)
    assert rest in tab.locator(".rest").inner_text()
    if content["display"] == "hologram":
        assert not tab.locator(".bars").is_visible()
        return
    rows = content["classes"]
    assert tab.locator(".label").all_inner_texts() == [one["label"] for one in rows]
    assert tab.locator("li.chosen .label").all_inner_texts() == [
        one["label"] for one in rows if one["chosen"]
    ]
    places = tab.locator(".mark").evaluate_all(
        "all => all.map(one => (one.offsetLeft + 1) / one.parentNode.offsetWidth)"
    )
    wanted = [one["threshold"] for one in rows if one["threshold"] is not None]
    np.testing.assert_allclose(places, wanted, atol=0.02)


@served.needs_triton
def test_keyboard_and_clipboard(open_page, photo, tmp_path):
    tab = open_page()
    (tmp_path / "chosen.jpg").write_bytes(photo)
    with tab.expect_file_chooser() as choosing:
        tab.keyboard.press("Tab")
        # The next key has no effect before the browser has moved the focus.
        tab.wait_for_function("document.activeElement.id === 'files'")
        tab.keyboard.press("Enter")
    choosing.value.set_files(tmp_path / "chosen.jpg")
    dropping.answered(tab, 1)
    canvas = tab.locator("canvas")
    assert canvas.is_visible()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    assert not canvas.is_visible()
    tab.evaluate(
        "files => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: files}))",
        dropping.data(tab, {"pasted": photo}),
    )
    dropping.answered(tab, 2)
    pasted = tab.get_by_role("listitem", name="pasted")
    assert pasted.locator("canvas").count() == 0
    tab.keyboard.press("Space")
    pasted.get_by_role("img", name="Heat map: evidence for").wait_for()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.get_by_role("listitem").count() == 0
    assert tab.evaluate("document.activeElement.id") == "files"
