"""What a person sees: the table, plain lines, and nothing of the libraries' noise."""

import io
import subprocess
import sys

from rich.console import Console

from data import progress
from pipeline.run import runner, step_table


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


def test_a_failed_step_is_shown():
    shown, buffer = table(terminal=False)
    with shown:
        shown.started("One")
        shown.failed("One", 1.0)
    assert "failed after 1.0 s" in buffer.getvalue()


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
