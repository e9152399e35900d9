"""The page and the model card of a model that answers with masks."""

import re

import pytest

from components.report import model_card, page
from tests.tasks.segmentation.panels import reports


@pytest.fixture(scope="module")
def found():
    return reports.report()


@pytest.fixture(scope="module")
def shown(found):
    return page.render(found)


def test_every_section_is_there_and_classes_without_truth_are_told(shown):
    ids = re.findall(r'<section id="(\w+)"', shown)
    wanted = ["figures", "classes", "confusion", "sizes", "robustness", "worst", "suspects"]
    assert [one for one in ids if one in wanted] == wanted
    assert "No test image shows bird" in shown


def test_doubtful_masks_come_with_the_image_and_the_regions(found, shown):
    assert {row.path for row in found.chosen.suspects} == {"0.png", "1.png"}
    section = shown[shown.index('<section id="suspects"') :].partition("</section>")[0]
    assert "2 of 12 test images have" in section and section.count("<figure") == 2
    assert "<b>box</b> where the mask says <b>sky</b>" in section
    assert section.count("data:image") == 6  # the image, the regions, the mask


def test_without_doubt_the_page_says_so():
    shown = page.render(reports.report(reports.drawn(doubtful=0)))
    assert "None of 12 test images has" in shown


def test_what_turns_the_image_is_said_to_be_left_out(shown):
    assert "Corruptions that turn the image are left out" in shown


def test_the_card_names_what_robustness_costs_and_the_lowest_class(found):
    card = model_card.render(found)
    assert "The class with the lowest IoU is" in card
    assert "In no test image, so not measured: bird." in card
    assert "points of mean IoU" in card
