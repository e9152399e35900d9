"""The page and the model card of a model that answers with boxes."""

import re

import pytest

from components.report import model_card, page
from tests.tasks.detection import made_predictions
from tests.tasks.detection.panels import reports
from tests.tasks.detection.panels.reports import BOX, found, truth


@pytest.fixture(scope="module")
def report():
    return reports.report()


@pytest.fixture(scope="module")
def shown(report):
    return page.render(report)


def section(shown, name):
    return shown[shown.index(f'<section id="{name}"') :].partition("</section>")[0]


def test_every_section_is_there_and_classes_without_truth_are_told(shown):
    ids = re.findall(r'<section id="(\w+)"', shown)
    wanted = ["figures", "classes", "errors", "boxes", "worst", "unmarked", "unseen", "crops"]
    assert [one for one in ids if one in wanted] == wanted


def test_single_objects_come_with_what_they_are(report, shown):
    part = section(shown, "crops")
    cuts = report.chosen.cuts
    assert report.chosen.missed and report.chosen.false and report.chosen.confused
    assert part.count("<figure") == part.count("data:image") == len(cuts)
    drawn = {path: iter(picture.crops) for path, picture in report.drawn.items()}
    for cut in cuts:  # each with its own part of its image
        figure = f'<img src="{next(drawn[cut.path])}" alt="{cut.words} in {cut.path}"'
        assert figure in part
    assert part.count(", truly ") == 2 * len(report.chosen.confused)


def test_curves_places_and_sizes_of_boxes_are_shown(shown):
    part = section(shown, "boxes")
    assert part.count("Precision over recall of") == 3  # the fourth class has no object
    assert "where true boxes lie" in part and "data:image/jpeg" in part
    total = sum(int(one) for one in re.findall(r'<td class="number">(\d+)</td>', part))
    assert total == sum(map(len, reports.report().candidate.objects))


def test_without_errors_no_single_object_is_shown():
    right = made_predictions.predictions([(truth(BOX), found((*BOX, 0.9, 0)))] * 3)
    assert 'id="crops"' not in page.render(reports.report(right))


def test_the_card_names_the_lowest_class(report):
    assert "The class with the lowest AP50 is" in model_card.render(report)
