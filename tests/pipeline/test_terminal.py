"""What a person sees: the table, plain lines, and nothing of the libraries' noise."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich import cells
from rich.console import Console
from rich.text import Text

from data import errors, progress
from pipeline.outcome import outcome as show
from pipeline.outcome import summary
from pipeline.run import runner, step_table, terminal


def table(terminal: bool) -> tuple[step_table.StepTable, io.StringIO]:
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=terminal, width=120)
    return step_table.StepTable(console, ["One", "Two"], lambda step: f"did {step.name}"), buffer


def walk(shown: step_table.StepTable) -> None:
    with shown, progress.listening(shown.advanced):
        shown.started("One")
        task = progress.start("reading images", total=10)
        task.advance(4, note="epoch 1")
        shown.ended(runner.Step("One", seconds=2.0, cached=False))
        shown.started("Two")
        shown.ended(runner.Step("Two", seconds=0.0, cached=True))


def test_plain_lines_without_a_terminal():
    shown, buffer = table(terminal=False)
    walk(shown)
    assert buffer.getvalue().splitlines() == [
        "One …",
        "  2.0 s: did One",
        "Two …",
        "  0.0 s, from cache: did Two",
    ]


def test_a_live_table_on_a_terminal():
    shown, buffer = table(terminal=True)
    walk(shown)
    text = buffer.getvalue()
    for part in ("One", "did One", "2.0 s", "did Two · from cache"):
        assert part in text


def test_progress_shows_count_rate_rest_and_note():
    shown, _ = table(terminal=True)
    task = progress.Task("reading images", total=1_000, done=100, note="epoch 1")
    shown.advanced(task)
    assert shown._state(task) == "reading images · 100 of 1,000 images · epoch 1"
    task.done = 600
    shown.advanced(task)
    shown._pace.first_s -= 10  # as if the 500 had taken 10 s; the first 100 came after a set-up
    assert shown._state(task) == (
        "reading images · 600 of 1,000 images · 50 images/s · at most 8.0 s left · epoch 1"
    )


def test_the_rate_of_work_that_goes_on_is_that_of_all_its_parts():
    shown, _ = table(terminal=True)
    shown.advanced(progress.Task("training", total=1_000, done=100))
    shown._pace.first_s -= 10
    parts = progress.Task("training", total=1_000, done=200), progress.Task("features", total=50)
    shown.advanced(parts[0])
    assert "10 images/s" in shown._state(parts[0])
    shown.advanced(parts[1])
    assert shown._state(parts[1]) == "features · 0 of 50 images"


def test_a_failed_step_is_shown():
    shown, buffer = table(terminal=False)
    with shown:
        shown.started("One")
        shown.failed("One", 1.0)
    assert "failed after 1.0 s" in buffer.getvalue()


PATH = f"output/{'long-' * 20}name/findings.html"
LONG = (
    "The data folder my_photos holds no image in a class folder; 12 files are not used: they lie"
    " outside any class folder. Move them into folders of their classes."
)


def said(width: int | None, *lines: str | Text, indent: int = 0) -> list[str]:
    """What is printed on a terminal of a width, or else into a file, without colours."""
    buffer = io.StringIO()
    console = Console(
        file=buffer, force_terminal=width is not None, width=width or 80, markup=False
    )
    terminal.say(console, *lines, indent=indent)
    return re.sub(r"\x1b\[[\d;]*m", "", buffer.getvalue()).splitlines()


@pytest.mark.parametrize(
    ("line", "indent", "lead"),
    [
        (LONG, 0, ""),
        (LONG, 2, "  "),
        (f"- {LONG}", 0, "  "),
        (f"    {LONG}", 0, "    "),
        (f"  - {LONG}", 2, "      "),
        (f"1 finding in the images: {PATH} and some words behind it", 2, "  "),
        (Text(LONG, style="red"), 2, "  "),
        (f"{'写真' * 10} {'猫の画像' * 10} and words", 0, ""),
    ],
)
def test_sentences_wrap_between_words_on_a_terminal_and_stay_whole_in_a_file(line, indent, lead):
    text = " " * indent + str(line)
    assert said(None, line, indent=indent) == [text]
    first, *rest = shown = said(80, line, indent=indent)
    assert all(cells.cell_len(row) <= 80 or len(row.split()) == 1 for row in shown)
    assert len(rest) >= 1 and first.startswith(text[: len(lead)])
    assert all(row.startswith(lead) and not row[len(lead) :].startswith(" ") for row in rest)
    assert " ".join(shown).split() == text.split()


def test_an_error_of_a_command_line_wraps_too(capfd, monkeypatch):
    problems = errors.ConfigError(f"{LONG} First.", f"Second: {PATH}.")
    terminal.show_error(problems)
    assert capfd.readouterr().err == f"Error:\n- {LONG} First.\n- Second: {PATH}.\n"
    monkeypatch.setenv("FORCE_COLOR", "1")  # for Rich, a terminal
    monkeypatch.setenv("COLUMNS", "60")
    terminal.show_error(problems)
    shown = capfd.readouterr().err.splitlines()
    assert len(shown) > 5 and max(len(row) for row in shown if PATH not in row) <= 60
    assert [row[:2] for row in shown[1:]] == ["- ", *["  "] * (len(shown) - 4), "- ", "  "]


def test_the_outcome_of_a_run_fits_the_terminal(tmp_path):
    outcome = summary.Summary(
        run_id="1",
        status="failed",
        task="classification",
        data_dir="my_photos",
        fingerprint="0",
        examples={},
        quarantined=3,
        quarantine_csv=PATH,
        findings=[],
        findings_page=None,
        metrics=None,
        verdict=None,
        blessed=False,
        pushed=None,
        model_dir=None,
        model_card=None,
        reasons=[LONG, f"- {LONG}\n- {LONG}"],
        report=PATH,
        steps=[],
        seconds=1.0,
    )
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=True, width=80)
    show.show(outcome, console, Path(PATH))
    shown = re.sub(r"\x1b\[[\d;]*m", "", buffer.getvalue()).splitlines()
    assert all(len(row) <= 80 or row.strip() == PATH for row in shown)
    assert sum(row.strip() == PATH for row in shown) == 3
    assert " ".join(" ".join(shown).split()).count("Move them into folders of their classes.") == 3


NOISE = """
import logging, os, sys, warnings
from pathlib import Path
from pipeline.run import logs
with logs.redirected(Path(sys.argv[1])) as terminal:
    print("printed"); print("to stderr", file=sys.stderr); warnings.warn("a warning")
    logging.getLogger("library").info("logged"); os.system("echo from a child")
    terminal.write("for people\\n")
print("afterwards")
"""


LIVE_NOISE = """
import sys, time, warnings
from pathlib import Path
from rich.console import Console
from pipeline.run import logs, step_table
with logs.redirected(Path(sys.argv[1])) as terminal:
    console = Console(file=terminal, force_terminal=True)
    with step_table.waiting(console, "words"):
        warnings.warn("noise one"); print("noise two")
    with step_table.StepTable(console, ["One"], lambda step: "") as table:
        table.started("One"); warnings.warn("noise three"); print("noise four"); time.sleep(0.5)
"""


def test_a_live_display_does_not_show_what_libraries_print(tmp_path):
    command = [sys.executable, "-c", LIVE_NOISE, str(tmp_path / "run.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "One" in done.stdout
    assert "noise" not in done.stdout + done.stderr
    assert (tmp_path / "run.log").read_text().count("noise") >= 4


def test_noise_goes_to_the_log_and_words_to_the_terminal(tmp_path):
    log = tmp_path / "logs" / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", NOISE, str(log)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "for people\nafterwards\n"
    assert done.stderr == ""
    for part in ("printed", "to stderr", "a warning", "logged", "from a child"):
        assert part in log.read_text()
