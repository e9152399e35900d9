import dataclasses

import markdown_it
import pytest

from components.report import model_card
from tests.components.report import samples


def parsed(card):
    """The card's tokens, inline ones too, as a reader's renderer has them."""
    tokens = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(card)
    return [one for token in tokens for one in (token, *(token.children or ()))]


def cells(card):
    return [token.content for token in parsed(card) if token.type == "text"]


def test_the_same_content_gives_the_same_card():
    assert model_card.render(samples.real()) == model_card.render(samples.real())


def test_the_sections_are_those_of_a_model_card():
    tokens = parsed(model_card.render(samples.real()))
    heads = [tokens[at + 1].content for at, token in enumerate(tokens) if token.tag == "h2"
             and token.nesting == 1]  # fmt: skip
    assert heads == [
        "Model details",
        "Intended use",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Caveats",
        "Decision",
        "Lineage",
    ]


def test_the_figures_are_those_given():
    lines = model_card.render(samples.real()).splitlines()
    found = samples.figures_of()
    for name, row in found.per_class.items():
        line = next(line for line in lines if line.startswith(f"| {name} | {row.support} |"))
        for rate in (row.figures[name] for name in ("precision", "recall", "f1")):
            bounds = "{:.1f}–{:.1f}".format(*(100 * bound for bound in rate.interval))
            assert f"| {rate.value:.1%} ({bounds}) |" in line
        areas = (row.figures[name].value for name in ("auc", "pr_auc"))
        assert "| {:.3f} | {:.3f} |".format(*areas) in line
    assert any(line.startswith(f"| accuracy | {found.value('accuracy'):.1%} (") for line in lines)
    assert "| recall of metal | 91.9% | 93.5% | −1.6 |" in lines


def test_hostile_names_are_shown_as_they_are():
    card = model_card.render(samples.hostile())
    kinds = {token.type for token in parsed(card)}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "em_open", "s_open"}
    assert not kinds & {"strong_open", "code_inline", "code_block", "blockquote_open", "hr"}
    text = "\n".join(cells(card))
    for name in (samples.SCRIPT, samples.HOSTILE[7], samples.HOSTILE[11], samples.HOSTILE[10]):
        assert name in text
    assert "\u202e" not in card
    card.encode("utf-8")


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "2) a", "# a", "> a", "    a", "==="])
def test_a_sentence_starts_no_block(text):
    report = samples.real()
    ingested = dataclasses.replace(report.ingested, source=text)
    card = model_card.render(dataclasses.replace(report, ingested=ingested))
    assert cells(card).count(text.strip()) == 1


def test_the_configuration_cannot_leave_its_block():
    report = samples.real()
    job = report.job.model_copy(update={"resolved": "a: |\n  ```\n  # no heading\n\n\n\nb: 1\n"})
    card = model_card.render(dataclasses.replace(report, job=job))
    fences = [token for token in parsed(card) if token.type == "fence"]
    assert [fence.content for fence in fences] == [job.resolved]


def test_caveats_follow_from_the_figures():
    card = model_card.render(samples.real())
    assert "Fewer than 30 test images: trash." in card
    assert "The class with the lowest recall is trash: 71.4%." in card
    # Three of them are shown on the page.
    assert "Labels that are likely wrong: 14 test images." in card
    assert "blur 2 px costs 6.0 points of accuracy." in card
    bare = dataclasses.replace(samples.real(), robustness=[])
    assert "Robustness against corrupted images was not measured." in model_card.render(bare)
