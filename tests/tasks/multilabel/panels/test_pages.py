import dataclasses
import re

import numpy as np
import pytest

from components.report import model_card, page
from tasks.multilabel.panels import PANELS, outcome
from tests.components.report import samples
from tests.tasks.multilabel.panels import reports


@pytest.fixture(scope="module")
def report():
    return reports.report()


@pytest.fixture(scope="module")
def html(report):
    return page.render(report)


def test_the_sections_are_those_of_the_task_among_those_of_all(html):
    assert re.findall(r'<section id="([\w-]+)"', html) == [
        "figures", "served", "serving", "classes", "together", "calibration", "robustness",
        "false-alarms", "misses", "uncertain", "labels", "training", "data", "architecture",
        "lineage",
    ]  # fmt: skip
    links = re.findall(r'<li><a href="#([\w-]+)">', html)
    assert links == re.findall(r'<section id="([\w-]+)"', html)


def test_each_label_has_its_threshold_and_its_figures(report, html):
    for name, row in report.result.per_class.items():
        line = re.search(rf'<tr><th scope="row"><bdi>{name}</bdi></th>(.*?)</tr>', html).group(1)
        assert f">{row.support}<" in line
        assert f"{report.contract['thresholds'][name]:.1%}" in line
        for metric in ("ap", "f1"):
            value = row.figures[metric].value
            assert (">–<" if value is None else f"{value:.1%}") in line


def test_tiles_are_the_figures_of_the_whole(report, html):
    tiles = re.findall(r"<li>([\w ]+)<b>([\d.]+%)</b>", html)
    expected = {"mAP": "map", "subset accuracy": "subset_accuracy"}
    for title, name in expected.items():
        assert (title, f"{report.result.value(name):.1%}") in tiles


def test_the_card_names_labels_that_no_test_image_has(report):
    card = model_card.render(report)
    assert "No test image has dog; mAP leaves them out." in card
    assert "by any number of 5 labels" in card
    assert "| label | images | threshold |" in card
    assert re.search(r"\| sky \| \d+ \| 50.0% \|", card)


def test_hostile_names_are_escaped():
    names = (*samples.HOSTILE[:4], "x" * 300)
    found = dataclasses.replace(reports.drawn(), labels=list(names))
    found = dataclasses.replace(
        found, paths=[f"{index}{samples.SCRIPT}" for index in range(len(found.paths))]
    )
    report = reports.report(found, samples.hostile())
    job = report.job.model_copy(update={"resolved": ""})
    report = dataclasses.replace(report, job=job)
    html = page.render(report)
    assert html.count("<script") == 1
    assert not re.search(r"(src|href)=\"?(https?:|//|javascript:)", html)
    html.encode("utf-8")
    card = model_card.render(report)
    assert "<script" not in card and "<b>" not in card


def test_a_model_that_answers_nothing_has_a_page():
    none = np.zeros([3, 5])
    found = reports.answered(none, none, [0.5] * 5, valid=[False] * 3)
    report = reports.report(found)
    assert "No two labels occur together." in page.render(report)
    assert outcome.metrics(report.result, found).map is None
    assert PANELS.headline(None).value is None


def test_the_summary_has_every_figure_of_each_label(report):
    found = outcome.metrics(report.result, report.candidate)
    assert found.per_class.keys() == set(reports.LABELS)
    wanted = {"ap", "precision", "recall", "f1", "support", "threshold"}
    assert all(row.keys() >= wanted for row in found.per_class.values())
    aps = [row["ap"] for row in found.per_class.values() if row["ap"] is not None]
    assert found.map == pytest.approx(np.mean(aps))
    assert found.left_out == ["dog"]
    assert found.figures["subset_accuracy"] == report.result.value("subset_accuracy")
    assert found.per_class["sand"]["threshold"] == pytest.approx(0.4)
    assert outcome.Metrics.model_validate_json(found.model_dump_json()) == found
    without = outcome.metrics(report.result, None)
    assert without.per_class["sand"]["threshold"] is None


def test_the_terminal_gets_a_table_and_a_sentence(report):
    found = outcome.metrics(report.result, report.candidate)
    table = outcome.table(found)
    assert table.columns[1] == "AP"
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert table.rows[-1][1] == "undefined"
    sentence = outcome.sentence(found, 200)
    assert sentence.startswith(f"Test mAP {found.map:.1%} on 200 images")
    assert sentence.endswith("without 1 label that no test image has.")
    facts = dict(outcome.facts(found))
    assert facts["mAP"] == found.map
    assert facts["recall of sky"] == found.per_class["sky"]["recall"]


def test_the_heat_map_is_that_of_the_label_in_question(report, html):
    [*rows] = report.chosen.misses
    for row in rows:
        alt = f'src="{report.drawn[row.path].of[row.label]}" alt="Grad-CAM of {row.label} in {row.path}"'
        assert alt in html
