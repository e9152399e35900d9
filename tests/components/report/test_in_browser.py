"""The pages in a browser: clicked, tabbed through, on a desktop and on a phone."""

import pytest

from tasks.classification.figures import FIGURES
from tests import browser
from tests.components.report import samples

WIDTHS = (browser.DESKTOP_PX, browser.PHONE_PX)
COLUMN = "rows => rows.map(row => row.cells[{}].dataset.v)"


def rows_of(page, table):
    return page.locator(f"#{table} tbody:last-of-type tr")


def first_column(page, table):
    return [
        text.strip()
        for text in page.locator(f"#{table} tbody:last-of-type tr th").all_inner_texts()
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["real", "hostile", "index", "labels"])
def test_no_page_is_wider_than_the_window(open_page, pages, name, scheme, width):
    page = open_page(pages[name], width=width, scheme=scheme)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert page.evaluate(browser.OVERFLOW) <= 0


def test_dark_is_dark(open_page, pages):
    brightness = {}
    for scheme in ("light", "dark"):
        page = open_page(pages["real"], scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(map(int, colour[4:-1].split(",")))
    assert brightness["dark"] < 100
    assert brightness["light"] > 700


@pytest.mark.parametrize("width", WIDTHS)
def test_a_click_sorts_and_another_one_turns_round(open_page, pages, width):
    page = open_page(pages["real"], width=width)
    rows = samples.figures_of().per_class
    head = page.locator("#class-table thead th", has_text="recall")
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    up = first_column(page, "class-table")
    assert up == sorted(rows, key=lambda name: rows[name].value("recall"))
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert first_column(page, "class-table") == up[::-1]
    assert page.locator("#class-table th[aria-sort=descending]").count() == 1


def test_sorting_by_keyboard_and_by_name(open_page, pages):
    page = open_page(pages["real"])
    page.locator("#class-table thead button").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert first_column(page, "class-table") == sorted(samples.NAMES, reverse=True)


def test_undefined_figures_come_last_either_way(open_page, tmp_path):
    from components.report import index

    rows = [index.RunRow(str(number), "d", "succeeded", figure="accuracy", value=value)
            for number, value in enumerate((0.5, None, 0.9, 0.1))]  # fmt: skip
    path = tmp_path / "index.html"
    path.write_text(index.render(rows), encoding="utf-8")
    page = open_page(path)
    button = page.locator("#run-table thead th", has_text="accuracy").get_by_role("button")
    orders = []
    for _ in range(2):
        button.click()
        orders.append(first_column(page, "run-table"))
    assert orders == [["3", "0", "2", "1"], ["2", "0", "3", "1"]]


def test_sorting_differences_leaves_the_overall_ones_on_top(open_page, pages):
    page = open_page(pages["real"])
    page.locator("#difference-table thead button", has_text="difference").click()
    assert first_column(page, "difference-table")[0] == "metal"
    texts = page.locator("#difference-table tbody th").all_inner_texts()
    assert texts[:2] == ["accuracy", "recall of each class"]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_click_on_a_cell_shows_its_images(open_page, pages, width):
    page = open_page(pages["real"], width=width)
    # The most frequent mistake is shown at first.
    assert page.locator(".cell:visible h3").inner_text() == "plastic predicted as glass"
    page.locator(".matrix a[href='#cell-3-0']").click()
    assert page.locator(".cell:visible h3").all_inner_texts() == ["paper predicted as cardboard"]
    assert page.locator(".cell:visible").inner_text().count("paper/paper") == 3
    assert page.locator(".cell:visible img.plain:visible").count() == 3
    assert page.locator(".matrix a[aria-current]").all_inner_texts() == ["3"]
    # The address stays, so that going back leaves the page.
    assert "#" not in page.url


def test_cells_by_keyboard(open_page, pages):
    page = open_page(pages["real"])
    page.locator(".matrix a[href='#cell-0-0']").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    # (0, 1) is empty, so the arrow goes on to (0, 2).
    assert page.locator(".cell:visible h3").inner_text() == "glass predicted as metal"


def test_a_link_to_a_cell_opens_it(open_page, pages):
    page = open_page(pages["real"])
    page.goto(pages["real"].as_uri() + "#cell-0-3")
    page.reload()
    assert page.locator(".cell:visible h3").all_inner_texts() == ["cardboard predicted as paper"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("section", ["confusion", "mistakes"])
def test_pictures_change_to_heat_maps_and_back(open_page, pages, section, width):
    page = open_page(pages["real"], width=width)

    def shown():
        return [
            page.locator(f"#{section} img.{kind}:visible").count() for kind in ("plain", "overlay")
        ]

    count = {"confusion": 4, "mistakes": 12}[section]
    assert shown() == [count, 0]
    page.locator(f"#{section} .toggle").get_by_text("Grad-CAM").click()
    assert shown() == [0, count]
    page.locator(f"#{section} .toggle").get_by_text("Image").click()
    assert shown() == [count, 0]


def test_a_picture_without_a_heat_map_stays(open_page, pages):
    page = open_page(pages["hostile"])
    page.locator("#confusion .toggle").get_by_text("Grad-CAM").click()
    assert page.locator("#confusion img.plain:visible").count() == 1
    assert page.locator("#confusion .cell:visible .none").inner_text() == "no picture"


def test_all_pictures_decode(open_page, pages):
    page = open_page(pages["real"])
    assert (
        page.locator("img").evaluate_all("all => all.filter(one => !one.naturalWidth).length") == 0
    )
    assert page.locator("img").count() == 160


def test_without_its_script_the_page_still_tells_all(open_page, pages):
    page = open_page(pages["real"], javascript=False)
    assert page.locator("#class-table tbody tr").count() == len(samples.NAMES)
    page.locator(".matrix a[href='#cell-3-0']").click()
    assert page.locator(".cell:visible h3").all_inner_texts() == ["paper predicted as cardboard"]
    page.locator("#confusion .toggle").get_by_text("Grad-CAM").click()
    assert page.locator("#confusion img.overlay:visible").count() == 3


def test_the_figures_are_those_given(open_page, pages):
    page = open_page(pages["real"])
    found = rows_of(page, "class-table").evaluate_all(
        "rows => rows.map(row => [...row.cells].filter(cell => cell.dataset.v).map(cell => Number(cell.dataset.v)))"
    )
    result = samples.figures_of()
    given = list(result.per_class.values())
    assert found == [
        [row.support, *(row.value(metric.name) for metric in FIGURES.by_class)] for row in given
    ]
    texts = page.locator("#class-table tbody tr").all_inner_texts()
    for row, text in zip(given, texts, strict=True):
        f1 = row.figures["f1"]
        assert f"{f1.value:.1%}" in text
        assert "{:.1f}–{:.1f}".format(*(100 * bound for bound in f1.interval)) in text
    tiles = page.locator(".tiles").inner_text()
    assert f"{result.value('accuracy'):.1%}" in tiles


def test_the_confusion_matrix_is_the_one_given(open_page, pages):
    page = open_page(pages["real"])
    found = page.locator(".matrix tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => Number(cell.innerText || 0)))"
    )
    # The column of images without a prediction is empty, and left out.
    assert found == [list(row[:-1]) for row in samples.COUNTS]


def test_the_decision_comes_first_and_what_stands_against_it_on_top(open_page, pages):
    page = open_page(pages["real"])
    text = page.locator("body").inner_text()
    assert text.index("Inconclusive") < text.index("accuracy") < text.index("Figures")
    assert page.locator(".checks li").first.inner_text().startswith("inconclusive")


def test_the_contents_lead_to_every_section(open_page, pages):
    page = open_page(pages["real"])
    links = page.locator("nav a").evaluate_all("all => all.map(one => one.hash)")
    sections = page.locator("main section").evaluate_all("all => all.map(one => '#' + one.id)")
    assert links == sections


def test_hostile_names_are_shown_as_they_are(open_page, pages):
    page = open_page(pages["hostile"])
    names = first_column(page, "class-table")
    assert names[: len(samples.HOSTILE)] == [
        " ".join(name.encode("utf-8", "backslashreplace").decode().split())
        for name in samples.HOSTILE
    ]
    assert page.locator("script").count() == 1


def test_reports_are_linked_from_the_index(open_page, pages):
    page = open_page(pages["index"])
    assert page.locator("#run-table tbody a").count() == 5
    address = page.locator("#run-table tbody a").first.evaluate("one => one.href")
    assert address == (pages["index"].parent / "reports/20310506/report #1.html").as_uri()
