"""A review in a real browser, by keyboard alone, wide and on a phone."""

import contextlib
from pathlib import Path

import pytest

from data.corrections.decisions import Action
from tests import browser
from tests.pipeline.review.pets import TOKEN, Running, pets, running

chromium = browser.chromium


@pytest.fixture
def open_page(chromium, tmp_path):
    """Opens a review; fails on messages in the console, exceptions, or requests elsewhere."""
    problems: list[str] = []
    with contextlib.ExitStack() as opened:
        # Playwright holds this thread's event loop; the server has a thread of its own.
        one = opened.enter_context(running(pets(tmp_path)))

        def open_(width: int, scheme: str = "light"):
            context = chromium.new_context(
                viewport={"width": width, "height": 844}, color_scheme=scheme
            )
            opened.callback(context.close)
            page = context.new_page()
            page.on("console", lambda said: problems.append(f"console: {said.text}"))
            page.on("pageerror", lambda error: problems.append(f"error: {error}"))
            page.on(
                "request",
                lambda sent: (
                    sent.url.startswith((f"{one.url}/", "blob:", "data:"))
                    or problems.append(f"request: {sent.url}")
                ),
            )
            page.goto(f"{one.url}/#{TOKEN}")
            said(page, "1 of 3 · 0 decided")
            return page, one

        yield open_
    assert problems == []


def said(page, text: str) -> None:
    page.locator("#progress").get_by_text(text, exact=True).wait_for()


def press(page, key: str, then: str) -> None:
    page.keyboard.press(key)
    said(page, then)


def actions(one: Running) -> list[tuple[str, Action, tuple[str, ...]]]:
    return [(made.path, made.action, made.new) for made in one.session.project.log.read()]


@pytest.mark.parametrize("width", [browser.DESKTOP_PX, browser.PHONE_PX])
def test_a_review_by_keyboard_alone(open_page, width):
    page, one = open_page(width)
    first = page.locator("#pictures h2").inner_text()
    suggested = page.locator("#actions button.chief span").inner_text().removeprefix("Relabel: ")
    press(page, "Enter", "2 of 3 · 1 decided")
    press(page, "d", "3 of 3 · 2 decided")
    press(page, "u", "2 of 3 · 1 decided")
    page.keyboard.press("r")
    page.locator("#picker[open]").wait_for()
    page.keyboard.type("do")
    page.keyboard.press("Escape")
    page.locator("#picker").wait_for(state="hidden")
    page.keyboard.press("r")
    page.keyboard.type("2")  # the number of a class: cow
    press(page, "Enter", "3 of 3 · 2 decided")
    press(page, "ArrowLeft", "2 of 3 · 2 decided")
    assert (
        "cow" in page.locator("#verdict").inner_text()
        or page.locator("#verdict").inner_text() == "Kept"
    )
    press(page, "ArrowRight", "3 of 3 · 2 decided")
    press(page, "n", "3 of 3 · 3 decided")
    made = actions(one)
    assert made[0][1:] == (Action.RELABEL, (suggested,)) and suggested != first
    assert [action for _, action, _ in made][2:] == [Action.NOT_SURE]
    page.keyboard.press("q")
    page.keyboard.press("q")
    page.locator("[data-queue=near][aria-current]").wait_for()
    said(page, "1 of 1 · 0 decided")
    assert page.locator("figure").count() == 2
    chosen = page.locator("figure.chosen h2").inner_text()
    page.keyboard.press("x")
    page.locator("figure.chosen h2").get_by_text(chosen, exact=True).wait_for(state="detached")
    page.keyboard.press("h")
    page.locator("figure.chosen canvas").wait_for()
    press(page, "d", "1 of 1 · 1 decided")
    assert actions(one)[-1][1] is Action.DROP
    assert page.evaluate(browser.OVERFLOW) <= 0


def test_a_class_that_is_new_takes_a_second_enter(open_page):
    page, one = open_page(browser.PHONE_PX)
    page.keyboard.press("r")
    page.keyboard.type("horse")
    page.locator("#classes").get_by_text("New class: horse", exact=True).wait_for()
    page.keyboard.press("Enter")
    assert page.locator("#picker").is_visible() and actions(one) == []
    press(page, "Enter", "2 of 3 · 1 decided")
    page.keyboard.press("r")
    page.keyboard.type("hor")
    press(page, "Enter", "3 of 3 · 2 decided")
    assert [new for _, _, new in actions(one)] == [("horse",), ("horse",)]
    assert page.locator("#filter option").all_inner_texts() == ["all", "cat", "cow", "dog", "horse"]
    page.keyboard.press("u")
    press(page, "u", "1 of 3 · 0 decided")
    assert page.locator("#filter option").count() == 4


def test_one_class_alone(open_page):
    page, _ = open_page(browser.DESKTOP_PX)
    page.keyboard.press("f")
    page.keyboard.type("cow")
    page.keyboard.press("Escape")
    page.locator("#filter:focus").wait_for(state="detached")
    assert page.locator("#progress").inner_text() != ""
    assert page.locator("#filter").input_value() == "cow"


def test_without_the_token_nothing_is_shown(chromium, tmp_path):
    with running(pets(tmp_path)) as one, contextlib.closing(chromium.new_page()) as page:
        page.goto(f"{one.url}/#wrong")
        page.locator("#trouble").get_by_text("Open the link", exact=False).wait_for()
        assert page.locator("#case").is_hidden() and page.locator("figure").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [browser.DESKTOP_PX, browser.PHONE_PX])
def test_the_page_fits_and_shows_the_image(open_page, width, scheme, tmp_path):
    page, _ = open_page(width, scheme)
    page.locator("figure img[width]").first.wait_for()
    assert page.evaluate(browser.OVERFLOW) <= 0
    small = [one.bounding_box()["height"] for one in page.locator("button:visible").all()]
    assert min(small) >= 36
    Path(tmp_path, "page.png").write_bytes(page.screenshot(full_page=True))
