import re

from components.report import index
from tests.components.report import samples


def shown(html):
    return re.findall(r"2031050\d-093012-417(?=</bdi>(?:</a>)?</th>)", html)


def test_the_newest_run_comes_first_in_whatever_order_they_are_given():
    rows = samples.runs()
    html = index.render(rows)
    assert shown(html) == sorted((row.run_id for row in rows), reverse=True)
    assert html == index.render(rows[::-1])


def test_the_latest_figures_stand_on_top():
    html = index.render(samples.runs())
    assert "latest accuracy<b>91.3%</b>" in html
    assert "version <bdi>1925010105</bdi>" in html


def test_runs_on_other_data_have_a_trend_of_their_own():
    rows = [index.RunRow(f"{number}", f"data {number % 2}", "succeeded", figure="accuracy", value=0.5)
            for number in range(4)]  # fmt: skip
    html = index.render(rows)
    assert "Accuracy on data 0" in html
    assert "Accuracy on data 1" in html
    assert "<svg" not in index.render(rows[:1])


def test_an_empty_directory_says_so():
    assert "There is no run yet." in index.render([])


def test_hostile_rows_are_escaped():
    html = index.render([index.RunRow(name, name, name, "", name, None, name, None, name)
                         for name in samples.HOSTILE], title=samples.SCRIPT)  # fmt: skip
    html.encode("utf-8")
    assert html.count("<script") == 1
    assert 'href="javascript:' not in html


def test_runs_of_several_tasks_name_their_figures():
    rows = [index.RunRow(str(number), "d", "succeeded", figure=figure, value=0.5)
            for number, figure in enumerate(("accuracy", "mAP", "accuracy", "mAP"))]  # fmt: skip
    html = index.render(rows)
    assert '<th class="number">figure</th>' in html
    assert html.count("50.0%<small>mAP</small>") == html.count("50.0%<small>accuracy</small>") == 2
    assert [">Accuracy<" in html, ">mAP<" in html] == [True, True]
    assert "latest mAP<b>50.0%</b>" in html
    alone = index.render(rows[1::2])
    assert '<th class="number">mAP</th>' in alone
    assert "<small>mAP</small>" not in alone
