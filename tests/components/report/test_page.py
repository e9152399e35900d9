import base64
import dataclasses
import hashlib
import re

import pytest

from components.report import page
from tests.components.report import samples

# Of a model that flags no image.
CONTRACT = {"backbone": "cnn", "image_size_px": 160, "resize": "letterbox", "labels": samples.NAMES}


def test_the_same_content_gives_the_same_page():
    assert page.render(samples.real()) == page.render(samples.real())


def test_the_page_is_small_without_its_pictures():
    bare = page.render(samples.real(lambda name, number: ("", "")))
    assert len(bare.encode()) <= 150_000


def test_nothing_runs_but_the_one_script():
    html = page.render(samples.hostile())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    script = re.search(r"<script>(.*)</script>\n</body>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy.replace("&#39;", "'")
    assert html.count("<script") == 1
    assert not re.search(r"(src|href)=\"?(https?:|//|javascript:)", html)


def test_hostile_content_is_printable_utf8():
    page.render(samples.hostile()).encode("utf-8")


@pytest.mark.parametrize(
    ("part", "without", "sentence", "absent"),
    [
        (
            "decided",
            {"checks": []},
            "The model was not compared with a served one.",
            "difference-table",
        ),
        ("", {"robustness": []}, "Robustness was not measured.", "corruption"),
        (
            "",
            {"findings": []},
            "The checks of the images have no findings.",
            "Findings of the checks",
        ),
        ("history", {"phases": {}}, None, "Learning rate"),
        ("result", {"slices": []}, None, "Slices"),
        ("chosen", {"worst": []}, None, "Worst mistakes"),
        ("", {"layers": []}, None, "Architecture"),
        ("", {"contract": CONTRACT}, None, "flagged as outliers"),
        ("ingested", {"quarantined": []}, None, "Quarantine"),
        ("measured", {"fidelity": None, "costs": ()}, None, "Parity and budget"),
        ("measured", {"exports": ()}, None, "model_int8.tflite"),
    ],
)
def test_what_is_missing_is_said_or_left_out(part, without, sentence, absent):
    report = samples.real()
    whole = page.render(report)
    if part:
        without = {part: dataclasses.replace(getattr(report, part), **without)}
    html = page.render(dataclasses.replace(report, **without))
    assert absent in whole
    assert absent not in html
    if sentence:
        assert sentence in html
        assert sentence not in whole


def test_many_classes_have_the_most_confused_pairs_before_the_matrix():
    order = {}
    for name, report in (("few", samples.real()), ("many", samples.hostile())):
        html = page.render(report)
        order[name] = html.index("Most confused</h3>") < html.index('aria-label="Confusion matrix"')
    assert order == {"few": False, "many": True}


def test_the_column_for_nothing_appears_where_it_is_needed():
    heads = [re.findall(r'(?s)<th scope="col">.*?</th>', page.render(report))
             for report in (samples.real(), samples.hostile())]  # fmt: skip
    assert [len(found) for found in heads] == [6, 61]
    assert "nothing" in heads[1][-1]
