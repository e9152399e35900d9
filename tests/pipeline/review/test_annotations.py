"""Images with boxes or masks under review: the annotation is drawn, and an image is kept or dropped."""

import csv
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from data.corrections.decisions import Action
from data.sources import label_source
from pipeline.review import annotations, preparing
from pipeline.review.queues import Kind
from tasks import task
from tests import browser
from tests import shapes_with_boxes as shapes
from tests.pipeline.review.made import ingested
from tests.pipeline.review.pets import TOKEN, running

pytestmark = [pytest.mark.xdist_group("ingest"), pytest.mark.usefixtures("graphs_as_they_are")]
chromium = browser.chromium
RULE = label_source.LabelRule("any", annotates="boxes")
COPIED = 1  # has objects


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Sixteen images with boxes, and a copy of one of them without any object."""
    root = tmp_path_factory.mktemp("boxes")
    data = shapes.write(root / "shapes", 16)
    shutil.copy(data / f"shapes{COPIED:03d}.png", data / "copy.png")
    with (data / "boxes.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["copy.png", "", "", "", "", ""])
    found = ingested(data, root / "output", task="detection", rule=RULE)
    return preparing.prepare(found, "ada", lambda _: None)


def near(picture: np.ndarray, colour: str) -> np.ndarray:
    """Which pixels have about a colour, bool [H, W]."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return np.abs(picture.astype(int) - wanted).max(-1) < 40


def test_boxes_are_drawn_where_they_are(boxes):
    project = boxes.session.project
    (number,) = [
        place
        for place, image in enumerate(project.images)
        if image.path == f"shapes{COPIED:03d}.png"
    ]
    pixels, truth = shapes.draw(COPIED)
    drawn = boxes.annotations.drawn(number, pixels)
    assert truth and drawn.shape == pixels.shape
    for name, left, top, right, bottom in truth:
        colour = boxes.annotations.colours[project.labels.index(name)]
        found = near(drawn, colour)
        assert (
            found[top + 20, left] and found[bottom - 1, left + 5] and found[bottom - 5, right - 1]
        )
    # Inside and outside it is the picture itself.
    name, left, top, right, bottom = truth[0]
    inside = slice(top + 16, bottom - 4), slice(left + 4, right - 4)
    np.testing.assert_array_equal(drawn[inside], pixels[inside])


def test_a_mask_lies_over_its_image_and_void_is_left_as_it_is():
    drawing = task.load("segmentation").annotation_drawing
    picture = np.full((20, 40, 3), 100, np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 1
    mask[:2] = 255
    drawn = drawing.drawn(picture, mask, ["sky", "road"])
    left, right = (
        (50 + 0.5 * np.array([int(one[place : place + 2], 16) for place in (1, 3, 5)]))
        for one in drawing.colours(["sky", "road"])
    )
    np.testing.assert_allclose(drawn[10, 5], left, atol=1)
    np.testing.assert_allclose(drawn[10, 35], right, atol=1)
    np.testing.assert_array_equal(drawn[2], picture[2])


def test_labels_of_whole_images_are_not_drawn():
    assert task.load("classification").annotation_drawing is None
    assert task.load("multilabel").annotation_drawing is None


def test_they_are_shown_kept_and_dropped_by_keyboard(boxes, chromium):
    made = boxes.session
    with running(made, boxes.annotations) as one:
        context = chromium.new_context(viewport={"width": browser.PHONE_PX, "height": 844})
        page = context.new_page()
        page.goto(f"{one.url}/#{TOKEN}")
        said = page.locator("#progress")
        said.get_by_text("1 of 1 · 0 decided", exact=True).wait_for()
        assert page.locator("#actions button[data-key=r]").count() == 0
        swatches = page.locator("figure i")
        assert swatches.count() == len({name for name, *_ in shapes.draw(COPIED)[1]})
        (case,) = made.cases(Kind.CONFLICTS, 0, 1)["cases"]
        (number,) = [image["number"] for image in case["images"] if image["labels"]]
        pictures = [
            np.asarray(Image.open(io.BytesIO(one.ask(f"/api/image?number={number}{more}")[1])))
            for more in ("", "&plain=true")
        ]
        shown = [_widest(page)]
        page.keyboard.press("a")
        page.get_by_text("Show annotation").wait_for()
        shown.append(_widest(page))
        assert shown[0] != shown[1]
        assert (np.abs(pictures[0].astype(int) - pictures[1]).max(-1) > 60).any()
        page.keyboard.press("d")
        said.get_by_text("1 of 1 · 1 decided", exact=True).wait_for()
        assert page.evaluate(browser.OVERFLOW) <= 0
        context.close()
    assert {one.action for one in made.project.log.read()} == {Action.DROP}


def _widest(page) -> list[str]:
    """The addresses of the pictures, after they came."""
    page.locator("figure img:not([width])").first.wait_for(state="detached")
    return page.eval_on_selector_all("figure img", "all => all.map((one) => one.src)")


def test_nothing_is_drawn_without_annotations(class_folders, tmp_path):
    found = annotations.Annotations(ingested(class_folders, tmp_path / "output"))
    assert not found and found.colours == []
