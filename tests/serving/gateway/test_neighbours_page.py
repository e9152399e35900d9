"""The page of a search, in a real browser with the real server: an image is dropped, its neighbours shown."""

import shutil

import pytest

from tests import browser
from tests.serving import served
from tests.serving.gateway import dropping
from tests.tasks.similarity import made

pytestmark = pytest.mark.xdist_group("the server of a search")

chromium = browser.chromium


@pytest.fixture(scope="module")
def searching(tmp_path_factory):
    """A server whose gallery has four images of each of three colours."""
    folder = tmp_path_factory.mktemp("searching") / "colours"
    shutil.copytree(made.exported(tmp_path_factory).saved_model, folder / "3")
    started = served.Server(folder)
    yield started
    started.stop()


@pytest.fixture
def open_page(chromium, searching):
    with dropping.opening(chromium, searching.address["rest"]) as open_:
        yield open_


QUERY = made.png(made.drawn("red", 2))


@served.needs_triton
@pytest.mark.parametrize("width", [browser.DESKTOP_PX, browser.PHONE_PX])
def test_the_neighbours_of_a_dropped_image_are_listed_with_path_label_and_similarity(
    open_page, width
):
    tab = open_page(width)
    dropping.drop(tab, query=QUERY, junk=b"no image")
    card = tab.get_by_role("listitem", name="query")
    rows = card.locator(".bars > li")
    assert rows.count() == 10
    assert rows.first.locator(".path").inner_text() == "red/2.png"
    assert rows.first.locator(".value").inner_text() == "1.000"
    labels = card.locator(".label").all_inner_texts()
    assert labels[:4] == ["red"] * 4 and {"blue", "green"} >= set(labels[4:])
    cosines = [float(text) for text in card.locator(".value").all_inner_texts()]
    assert cosines == sorted(cosines, reverse=True)
    widths = card.locator(".fill").evaluate_all(
        "all => all.map(one => one.offsetWidth / one.parentNode.offsetWidth)"
    )
    assert widths == pytest.approx(cosines, abs=0.02)
    assert (
        card.locator(".rest").inner_text()
        == "The nearest of 12 images of the gallery; 1 is the same."
    )
    assert not tab.get_by_label("Heat map").is_visible()
    assert tab.get_by_role("listitem", name="junk").locator(".bars li").count() == 0
    assert tab.evaluate(browser.OVERFLOW) <= 0


@served.needs_triton
def test_a_gallery_without_labels_is_listed_by_its_paths(open_page):
    tab = open_page(browser.PHONE_PX)
    nearest = [
        {"path": f"{'long-name-' * 12}{place}.jpg", "label": "", "cosine": 0.9 - 0.1 * place}
        for place in range(3)
    ]
    content = {
        "display": "neighbours", "model": "colours", "version": "3", "valid": True, "outlier": True,
        "invalid_reason": "", "invalid_meaning": "", "class_count": 0, "classes": [],
        "neighbours": nearest, "gallery": 3,
    }  # fmt: skip
    tab.route("**/page/predict*", lambda route: route.fulfill(json=content))
    dropping.drop(tab, query=QUERY)
    card = tab.get_by_role("listitem", name="query")
    assert card.locator(".label").all_inner_texts() == [one["path"] for one in nearest]
    assert card.locator(".path").count() == 0
    assert "unlike the images of the gallery" in card.locator(".outlier").inner_text()
    assert tab.evaluate(browser.OVERFLOW) <= 0
